// The rclone driver with a real rclone.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RcloneServer } from '../../src/storage/drivers/rclone/rclone-server.ts';
import { openRcloneStorage } from '../../src/storage/drivers/rclone/rclone-storage.ts';
import { findPeer } from '../support/peer-catalog.ts';
import { peersMissing } from '../support/peers.ts';
import { printed } from '../support/rest-serving.ts';

let scratch = '';

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-rclone-'));
});

afterEach(async () => {
  await rm(scratch, { recursive: true, force: true });
});

const env = (more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv => ({
  ...process.env,
  CAIRN_RCLONE: findPeer('rclone')?.path,
  ...more,
});

/** A script in the place of rclone. */
async function program(lines: string): Promise<NodeJS.ProcessEnv> {
  const file = join(scratch, 'rclone');
  await writeFile(file, `#!/bin/sh\n${lines}\n`);
  await chmod(file, 0o700);
  return env({ CAIRN_RCLONE: file });
}

/** Command lines of all processes, without their environment. */
async function commandLines(): Promise<string[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/u.test(name));
  const lines = await Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')));
  return lines.map((line) => line.replaceAll('\0', ' '));
}

const running = async (): Promise<string[]> =>
  (await commandLines()).filter((line) => line.includes(`${scratch}/remote`));

describe.skipIf(peersMissing('rclone'))('rclone', () => {
  it('lets nobody in without the password, which no command line shows', async () => {
    await using server = await RcloneServer.start(`:local:${scratch}/remote`, env());
    expect((await fetch(server.base)).status).toBe(401);
    const password = Buffer.from(server.login.password.reveal()).toString();
    expect((await commandLines()).join('\n')).not.toContain(password);
  });

  it('ends with the storage', async () => {
    await using storage = await openRcloneStorage(`:local:${scratch}/remote`, { env: env() });
    expect(await running()).not.toEqual([]);
    await storage[Symbol.asyncDispose]();
    expect(await running()).toEqual([]);
  });

  it('ends when this process is killed', async () => {
    const driver = new URL('../../src/storage/drivers/rclone/rclone-storage.ts', import.meta.url);
    const script = `const { openRcloneStorage } = await import('${driver.href}');
      await openRcloneStorage(':local:${scratch}/remote');
      console.log('up'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { env: env(), stdio: 'pipe' });
    await printed(child, 'up');
    expect(await running()).not.toEqual([]);
    child.kill('SIGKILL');
    await once(child, 'close');
    await expect.poll(running, { timeout: 10_000 }).toEqual([]);
  });

  it('that does not know the remote says so', async () => {
    const opening = openRcloneStorage('nowhere:bucket', { env: env({ RCLONE_CONFIG: join(scratch, 'none') }) });
    await expect(opening).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
      message: expect.stringMatching(/nowhere/u),
      hint: expect.stringContaining('rclone config'),
    });
  });

  it('that fails a request says why', async () => {
    await writeFile(join(scratch, 'remote'), 'a file where a folder should be');
    await using storage = await openRcloneStorage(`:local:${scratch}/remote/below`, { env: env() });
    await expect(storage.create()).rejects.toMatchObject({
      message: expect.stringContaining('not a directory'),
      hint: expect.stringContaining('rclone lsd'),
    });
  });

  it('that ends in the middle is reported as that, and not as a network that may come back', async () => {
    await using storage = await openRcloneStorage(':memory:b', {
      env: await program(`
      echo 'NOTICE: Serving restic REST API on http://127.0.0.1:1/' >&2
      echo 'ERROR : out of luck' >&2
      exit 3`),
    });
    await expect
      .poll(() => storage.stat('config').catch((error: unknown) => error))
      .toMatchObject({ code: 'COMMAND_FAILED', retry: 'never', message: expect.stringContaining('out of luck') });
  });
});

describe('opening a remote', () => {
  it('says that there is no rclone', async () => {
    const opening = openRcloneStorage('r:x', { env: { CAIRN_RCLONE: join(scratch, 'none') } });
    await expect(opening).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
      hint: expect.stringContaining('CAIRN_RCLONE'),
    });
  });

  it('gives rclone the keys of its remotes, and no password of a vault', async () => {
    const given = await program(`echo "CRITICAL: $RCLONE_CONFIG_PASS,$CAIRN_PASSWORD$RESTIC_PASSWORD," >&2; exit 1`);
    const passwords = { RCLONE_CONFIG_PASS: 'of-rclone', CAIRN_PASSWORD: 'ours', RESTIC_PASSWORD: 'ours' };
    const opening = openRcloneStorage('r:x', { env: { ...given, ...passwords } });
    await expect(opening).rejects.toMatchObject({ message: expect.stringContaining('of-rclone,,') });
  });

  it('quotes what rclone said, without keys of the remote', async () => {
    const env = await program(`echo "CRITICAL: cannot use $6" >&2; exit 1`);
    const opening = openRcloneStorage(':s3,secret_access_key=s3cret,region=eu:bucket', { env });
    await expect(opening).rejects.toMatchObject({
      message: expect.stringMatching(/^(?!.*s3cret).*cannot use :s3,secret_access_key=…/u),
    });
  });

  it('stops waiting when told to, and leaves nothing running', async () => {
    const env = await program(`sleep 100 # ${scratch}/remote`);
    const controller = new AbortController();
    const opening = openRcloneStorage(`:local:${scratch}/remote`, { env, signal: controller.signal });
    await expect.poll(running).not.toEqual([]);
    controller.abort(new Error('enough'));
    await expect(opening).rejects.toThrow('enough');
    expect(await running()).toEqual([]);
  });
});
