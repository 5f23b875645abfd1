// One vault on a real SFTP server, used by our program and by restic as their users run them.
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ended, errorOf, Home } from '../e2e/cairn-program.ts';
import { describeTree } from '../support/describe-tree.ts';
import { checkOurs, makeTheirs, type ResticName, resticText, restoreOurs, runCairn } from '../support/interop.ts';
import { makeMatrixSource } from '../support/matrix-source.ts';
import { peersMissing } from '../support/peers.ts';
import { RESTIC_PASSWORD } from '../support/restic.ts';
import { SSH_ALIAS, SshServer } from '../support/ssh-server.ts';

let home: Home;
let server: SshServer;
let source = '';
let count = 0;

const skip = peersMissing('sshd', 'restic', 'restic-newest');

beforeAll(async () => {
  if (skip) return;
  home = await Home.make();
  server = await SshServer.start();
  fs.mkdirSync(home.file('.ssh'));
  fs.copyFileSync(server.clientConfig, home.file('.ssh/config'));
  source = await home.folder('source');
  makeMatrixSource(source, { noiseBytes: 40 * 1024 * 1024 });
});

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await home?.[Symbol.asyncDispose]();
});

const newPath = (): string => join(server.files, `vault-${++count}`);

function restic(peer: ResticName, path: string, args: readonly string[]): Promise<string> {
  const command = `ssh -F ${server.clientConfig} ${SSH_ALIAS} -s sftp`;
  return resticText(peer, `sftp:${SSH_ALIAS}:${path}`, ['-o', `sftp.command=${command}`, ...args]);
}

describe.skipIf(skip).each(['restic', 'restic-newest'] as const)('a vault over SFTP, with %s', (peer) => {
  it('that we made is clean for restic, which restores what we saved', async () => {
    const path = newPath();
    const url = `sftp://${SSH_ALIAS}/${path}`;
    await runCairn(home, url, ['init']);
    await runCairn(home, url, ['backup', source]);
    await restic(peer, path, ['check', '--read-data']);
    const target = home.file(`theirs-${count}`);
    await restic(peer, path, ['restore', 'latest', '--target', target]);
    expect(describeTree(join(target, source))).toEqual(describeTree(source));
  });

  it('that restic made is clean for us, and we restore and add to what it saved', async () => {
    const path = newPath();
    const url = `sftp:${SSH_ALIAS}:${path}`;
    await makeTheirs(peer, path);
    await restic(peer, path, ['backup', source]);
    await runCairn(home, url, ['backup', source]);
    expect(await checkOurs(home, url)).toMatchObject({ exit: 0, isGood: true });
    expect(await restoreOurs(home, url, 'latest', home.file(`ours-${count}`))).toEqual(describeTree(source));
    await restic(peer, path, ['check', '--read-data']);
  });
});

describe.skipIf(skip)('the command line over SFTP', () => {
  it('makes a vault below the home, backs up twice and restores the second state', async () => {
    const url = `sftp://${SSH_ALIAS}/relative/vault-${++count}`;
    const changing = await home.folder('changing');
    fs.writeFileSync(join(changing, 'file'), 'first');
    await runCairn(home, url, ['init']);
    await runCairn(home, url, ['backup', changing]);
    fs.writeFileSync(join(changing, 'file'), 'second');
    await runCairn(home, url, ['backup', changing]);
    expect(await restoreOurs(home, url, 'changing', home.file(`again-${count}`))).toEqual(describeTree(changing));
    expect(fs.existsSync(join(server.files, `relative/vault-${count}`, 'config'))).toBe(true);
  });

  it('leaves no lock and no unfinished file behind', async () => {
    const path = newPath();
    await runCairn(home, `sftp:${SSH_ALIAS}:${path}`, ['init']);
    await runCairn(home, `sftp:${SSH_ALIAS}:${path}`, ['backup', source]);
    const all = fs.readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(all.filter(({ name, parentPath }) => name.includes('-tmp-') || parentPath.endsWith('locks'))).toEqual([]);
  });

  it('ends with 15 at a server that it does not know, and says what to add', async () => {
    const port = String(server.port);
    const run = await home.run(['--vault', `sftp://127.0.0.1:${port}//srv/vault`, 'list', '--json'], {
      env: { CAIRN_PASSWORD: RESTIC_PASSWORD, HOME: await home.folder('elsewhere') },
    });
    expect([run.exit, run.stdout]).toEqual([15, '']);
    expect(errorOf(run)).toMatchObject({ code: 'STORAGE_HOST_UNKNOWN', hint: expect.stringContaining('known_hosts') });
  });
});

describe.skipIf(skip)('a backup over SFTP', () => {
  let path = '';
  let url = '';
  let large = '';

  beforeAll(async () => {
    large = await home.folder('large');
    for (let file = 0; file < 6; file++) fs.writeFileSync(join(large, `noise-${file}`), randomBytes(24 * 1024 * 1024));
  });

  beforeEach(async () => {
    path = newPath();
    url = `sftp:${SSH_ALIAS}:${path}`;
    await runCairn(home, url, ['init']);
  });

  /** Resolves when packs are on their way. */
  async function underWay(): Promise<void> {
    for (;;) {
      const data = fs.existsSync(join(path, 'data')) ? fs.readdirSync(join(path, 'data'), { recursive: true }) : [];
      if (data.some((name) => /[0-9a-f]{64}-tmp-\d+$/u.test(String(name)))) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  const start = (): ChildProcess =>
    home.start(['--vault', url, 'backup', large], { env: { CAIRN_PASSWORD: RESTIC_PASSWORD } });

  it('goes on when its connection is cut in the middle', async () => {
    const child = start();
    const end = ended(child);
    child.stdin?.end();
    await underWay();
    server.dropConnections();
    expect(await end).toMatchObject({ exit: 0 });
    await restic('restic-newest', path, ['check', '--read-data']);
    const found = fs.readdirSync(path, { recursive: true }).filter((name) => String(name).includes('-tmp-'));
    expect(found).toEqual([]);
  });

  it('that is killed leaves a vault in which the next one is whole', async () => {
    const child = start();
    child.stdin?.end();
    await underWay();
    child.kill('SIGKILL');
    await ended(child);
    await runCairn(home, url, ['backup', large]);
    expect(await restoreOurs(home, url, 'large', home.file(`killed-${count}`))).toEqual(describeTree(large));
    await restic('restic-newest', path, ['check', '--read-data']);
  });
});
