// Vaults behind restic's REST protocol and rclone, as users have them: our program, real servers, and restic that reads
// what we wrote and writes what we read.
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeTree } from '../support/describe-tree.ts';
import { freePort } from '../support/free-port.ts';
import { filesOf, resticText, runCairn } from '../support/interop.ts';
import { findPeer, type PeerName } from '../support/peer-catalog.ts';
import { peersMissing } from '../support/peers.ts';
import { htpasswdLines, printed, serveTheirs } from '../support/rest-serving.ts';
import { RESTIC_PASSWORD } from '../support/restic.ts';
import { endChild } from '../support/server-process.ts';
import { errorOf, Home } from './cairn-program.ts';

let home: Home;
let source = '';
let stack: AsyncDisposableStack;

beforeEach(async () => {
  home = await Home.make();
  stack = new AsyncDisposableStack();
  source = await home.folder('source', 'deep');
  mkdirSync(home.file('served'));
  writeFileSync(join(source, 'noise'), randomBytes(9_000_000));
  for (let count = 0; count < 50; count++) writeFileSync(join(source, `file ${count}`), `content ${count % 40}`);
});

afterEach(async () => {
  await stack.disposeAsync();
  await home[Symbol.asyncDispose]();
});

/** Starts `cairn serve`; gives its URL. */
async function serveWithCairn(...args: readonly string[]): Promise<string> {
  const child: ChildProcess = home.start(['serve', '--rest', '--json', '--listen', '127.0.0.1:0', ...args, 'served']);
  stack.defer(() => endChild(child));
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
  return (JSON.parse(line) as { url: string }).url;
}

interface Place {
  readonly url: string;
  /** How restic reaches the same repository. */
  readonly restic: string;
  readonly env: Readonly<Record<string, string>>;
}

const places: Record<string, { readonly peers: readonly PeerName[]; readonly open: () => Promise<Place> }> = {
  'rest-server': {
    peers: ['rest-server'],
    async open() {
      const served = await serveTheirs(home.file('served'));
      stack.use(served);
      return { url: `rest:${served.url}repo/`, restic: `rest:${served.url}repo/`, env: {} };
    },
  },
  'cairn serve': {
    peers: [],
    async open() {
      writeFileSync(home.file('users'), htpasswdLines('ana'), { mode: 0o600 });
      const url = await serveWithCairn('--htpasswd', home.file('users'), '--private-repos');
      const env = { RESTIC_REST_USERNAME: 'ana', RESTIC_REST_PASSWORD: 'ana-password' };
      return { url: `rest:${url}ana/repo/`, restic: `rest:${url.replace('//', '//ana:ana-password@')}ana/repo/`, env };
    },
  },
  rclone: {
    peers: ['rclone'],
    async open() {
      const folder = home.file('served', 'repo');
      return { url: `rclone::local:${folder}`, restic: folder, env: { CAIRN_RCLONE: findPeer('rclone')!.path } };
    },
  },
};

for (const [name, { peers, open }] of Object.entries(places)) {
  describe.skipIf(peersMissing('restic', ...peers))(`a vault behind ${name}`, () => {
    it('is made, filled, checked and restored; restic reads and writes it too', async () => {
      const { url, restic, env } = await open();
      await runCairn(home, url, ['init', '--chunker', 'rabin'], env);
      await runCairn(home, url, ['backup', home.file('source'), '--quiet'], env);
      expect(await resticText('restic', restic, ['check', '--read-data'])).toContain('no errors were found');
      writeFileSync(join(source, 'new'), 'new');
      await resticText('restic', restic, ['backup', home.file('source')]);
      await runCairn(home, url, ['check', '--read-data', '--quiet'], env);
      await runCairn(home, url, ['restore', 'latest', '--to', home.file('out'), '--quiet'], env);
      expect(describeTree(home.file('out', 'source'))).toEqual(describeTree(home.file('source')));
    });
  });
}

describe('an append-only server', () => {
  it('takes backup after backup and keeps no lock', async () => {
    const url = `rest:${await serveWithCairn('--no-auth', '--append-only')}repo/`;
    await runCairn(home, url, ['init']);
    await runCairn(home, url, ['backup', home.file('source'), '--quiet']);
    writeFileSync(join(source, 'new'), 'new');
    await runCairn(home, url, ['backup', home.file('source'), '--quiet']);
    await runCairn(home, url, ['check', '--read-data', '--quiet']);
    expect(filesOf(home.file('served', 'repo'), 'locks')).toEqual([]);
    expect(filesOf(home.file('served', 'repo'), 'snapshots')).toHaveLength(2);
  });

  it('keeps the old key when the password is to be changed, and says why', async () => {
    const url = `rest:${await serveWithCairn('--no-auth', '--append-only')}repo/`;
    await runCairn(home, url, ['init']);
    writeFileSync(home.file('new-password'), 'another');
    const ended = await home.run(
      ['--vault', url, 'key', 'passwd', '--new-password-file', home.file('new-password'), '--yes', '--json'],
      { env: { CAIRN_PASSWORD: RESTIC_PASSWORD } },
    );
    expect(ended.exit).toBe(14);
    expect(errorOf(ended)).toMatchObject({
      code: 'STORAGE_APPEND_ONLY',
      message: expect.stringContaining('is append-only') as string,
      hint: expect.stringContaining('--append-only') as string,
    });
    await runCairn(home, url, ['list']);
    expect(filesOf(home.file('served', 'repo'), 'keys')).toHaveLength(1);
  });
});

describe('a read-only server', () => {
  it('says that it is one, where something is to be written', async () => {
    await runCairn(home, home.file('served', 'repo'), ['init']);
    const url = `rest:${await serveWithCairn('--no-auth', '--read-only')}repo/`;
    await runCairn(home, url, ['list']);
    const env = { CAIRN_PASSWORD: RESTIC_PASSWORD };
    const ended = await home.run(['--vault', url, 'backup', home.file('source'), '--json'], { env });
    expect(ended.exit).toBe(14);
    expect(errorOf(ended)).toMatchObject({
      code: 'STORAGE_READ_ONLY',
      message: expect.stringContaining('is read-only') as string,
      hint: expect.stringContaining('--read-only') as string,
    });
  });
});

function keptOpenings(): readonly string[] {
  const folder = home.file('.cache', 'cairn', 'openings');
  return existsSync(folder) ? readdirSync(folder) : [];
}

describe('how the key of a vault behind a server is derived', () => {
  it('is kept in the cache once it was opened, and goes with the cache', async () => {
    const url = `rest:${await serveWithCairn('--no-auth')}repo/`;
    await runCairn(home, url, ['init']);
    await runCairn(home, url, ['list']);
    expect(keptOpenings()).toHaveLength(1);
    await runCairn(home, url, ['list']);
    await runCairn(home, url, ['cache', 'clear']);
    expect(keptOpenings()).toEqual([]);
  });

  it('is not kept of an address with a password in it, whose hash would let others try passwords', async () => {
    const url = `rest:${(await serveWithCairn('--no-auth')).replace('//', '//ana:secret@')}repo/`;
    await runCairn(home, url, ['init']);
    await runCairn(home, url, ['list']);
    expect(keptOpenings()).toEqual([]);
  });

  it('does not keep an old password alive', async () => {
    const url = `rest:${await serveWithCairn('--no-auth')}repo/`;
    await runCairn(home, url, ['init']);
    await runCairn(home, url, ['list']);
    writeFileSync(home.file('new-password'), 'another');
    await runCairn(home, url, ['key', 'passwd', '--new-password-file', home.file('new-password'), '--yes']);
    expect((await listVault(url)).exit).toBe(12);
    expect((await listVault(url, { CAIRN_PASSWORD: 'another' })).exit).toBe(0);
  });
});

const listVault = (url: string, env: Readonly<Record<string, string>> = {}): ReturnType<Home['run']> =>
  home.run(['--vault', url, 'list', '--json'], { env: { CAIRN_PASSWORD: RESTIC_PASSWORD, ...env } });

describe('what goes wrong', () => {
  it('a wrong password for the server is exit code 15, and is not printed', async () => {
    writeFileSync(home.file('users'), htpasswdLines('ana'), { mode: 0o600 });
    const url = await serveWithCairn('--htpasswd', home.file('users'));
    const ended = await listVault(`rest:${url.replace('//', '//ana:s3cret@')}`);
    expect(ended.exit).toBe(15);
    expect(errorOf(ended).code).toBe('STORAGE_DENIED');
    expect(ended.stderr + ended.stdout).not.toContain('s3cret');
  });

  it('a repository that is not there is exit code 10', async () => {
    const ended = await listVault(`rest:${await serveWithCairn('--no-auth')}none/`);
    expect(ended.exit).toBe(10);
  });

  it('a missing rclone is exit code 24, with a way out', async () => {
    const ended = await listVault('rclone:r:x', { CAIRN_RCLONE: home.file('none') });
    expect(ended.exit).toBe(24);
    expect(errorOf(ended).hint).toContain('Install rclone');
  });
});

describe.skipIf(peersMissing('rest-server'))('a password in the address', () => {
  it.each([
    ['missing vault', ['list', '-vv']],
    ['missing vault, as JSON', ['list', '--json']],
    ['missing vault to copy to', ['copy', '-vv', '--to', 'rest']],
    ['vault that is looked at', ['doctor', '--json']],
    ['vault without a password', ['list', '-vv']],
  ] as const)('is not shown: %s', async (what, args) => {
    const served = await serveTheirs(home.file('served'));
    stack.use(served);
    const url = `rest:${served.url.replace('//', '//ana:open-sesame@')}`;
    if (what !== 'missing vault') await runCairn(home, `rest:${served.url}repo/`, ['init', '--quiet'], {});
    const there = what.startsWith('missing vault,') ? `${url}none/` : `${url}repo/`;
    const { stdout, stderr } = await home.run(
      ['--vault', there, ...args.map((word) => (word === 'rest' ? `${url}other/` : word))],
      { env: { CAIRN_PASSWORD: what.endsWith('without a password') ? '' : RESTIC_PASSWORD, CAIRN_TO_PASSWORD: 'x' } },
    );
    const printed = stdout + stderr;
    expect(printed).toContain('127.0.0.1');
    expect(printed).not.toContain('open-sesame');
  });

  it('is not shown: vault that is there already', async () => {
    const served = await serveTheirs(home.file('served'));
    stack.use(served);
    const url = `rest:${served.url.replace('//', '//ana:open-sesame@')}repo/`;
    await runCairn(home, url, ['init', '--quiet'], {});
    const { stderr } = await home.run(['--vault', url, 'init', '-vv'], { env: { CAIRN_PASSWORD: RESTIC_PASSWORD } });
    expect(stderr).toContain('there is a vault at');
    expect(stderr).not.toContain('open-sesame');
  });
});

describe('a server that does not answer', () => {
  it('is reported while `init` waits for it', async () => {
    const url = `rest:http://127.0.0.1:${await freePort()}/repo/`;
    const child = home.start(['--vault', url, 'init'], { env: { CAIRN_PASSWORD: 'correct horse' } });
    stack.defer(() => endChild(child));
    await printed(child, 'refuses the connection');
  });
});
