// kill -9 of our REST server and of its clients, in the middle of uploads: what is there is whole, and the client goes on.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ended, Home } from '../e2e/cairn-program.ts';
import { freePort } from '../support/free-port.ts';
import { filesOf, makeOurs, makeTheirs, resticText } from '../support/interop.ts';
import { findPeer } from '../support/peer-catalog.ts';
import { peersMissing } from '../support/peers.ts';
import { RESTIC_PASSWORD } from '../support/restic.ts';
import { endChild } from '../support/server-process.ts';

let home: Home;
let port = 0;
let server: ChildProcess | undefined;

beforeEach(async () => {
  home = await Home.make();
  port = await freePort();
  mkdirSync(home.file('served'));
  await home.folder('source');
  for (let count = 0; count < 40; count++) writeFileSync(home.file('source', `${count}`), randomBytes(2_000_000));
});

afterEach(async () => {
  if (server !== undefined) await endChild(server);
  await home[Symbol.asyncDispose]();
});

/** Resolves once it listens. */
async function startServer(): Promise<ChildProcess> {
  const address = `127.0.0.1:${port}`;
  const child = home.start(['serve', '--rest', '--no-auth', '--json', '--listen', address, home.file('served')]);
  await once(createInterface({ input: child.stdout! }), 'line');
  return child;
}

const url = (): string => `rest:http://127.0.0.1:${port}/repo/`;
const folder = (): string => home.file('served', 'repo');

/** A backup of 80 MB with options of restic that make it slow enough to be interrupted. */
function startBackup(limit: readonly string[]): ChildProcess {
  const restic = findPeer('restic')!.path;
  const args = ['--no-cache', '-r', url(), ...limit, 'backup', '--quiet', home.file('source')];
  return spawn(restic, args, { env: { ...process.env, RESTIC_PASSWORD }, stdio: 'ignore' });
}

/** Files of a kind; their folder is made with the first. */
const stored = (kind: Parameters<typeof filesOf>[1]): string[] =>
  existsSync(join(folder(), kind)) ? filesOf(folder(), kind) : [];

/** Waits until there are more packs than now: an upload of the next is under way then. */
async function nextPack(): Promise<void> {
  const now = stored('data').length;
  await expect.poll(() => stored('data').length, { timeout: 30_000, interval: 5 }).toBeGreaterThan(now);
}

/** Names of stored files whose content is not what they say. */
function torn(): string[] {
  return (['data', 'index', 'keys', 'locks', 'snapshots'] as const).flatMap((kind) =>
    stored(kind).filter((id) => {
      const path = kind === 'data' ? join(folder(), kind, id.slice(0, 2), id) : join(folder(), kind, id);
      return createHash('sha256').update(readFileSync(path)).digest('hex') !== id;
    }),
  );
}

describe.skipIf(peersMissing('restic'))('our server, killed', () => {
  it('leaves whole files only, and a client that tries again finishes its backup', async () => {
    await makeTheirs('restic', folder());
    server = await startServer();
    const backup = startBackup(['--limit-upload', '20000']);
    const ended = once(backup, 'close');
    for (let kills = 0; kills < 3; kills++) {
      await nextPack();
      await endChild(server);
      expect(torn()).toEqual([]);
      server = await startServer();
    }
    expect(await ended).toEqual([0, null]);
    expect(torn()).toEqual([]);
    expect(await resticText('restic', folder(), ['check', '--read-data'])).toContain('no errors were found');
  });

  it('does not stop a backup of ours either', async () => {
    await makeOurs(folder(), 'gear');
    server = await startServer();
    const env = { CAIRN_PASSWORD: RESTIC_PASSWORD };
    const backup = home.start(['--vault', url(), '--limit-upload', '20000', 'backup', home.file('source'), '--quiet'], {
      env,
    });
    const result = ended(backup);
    for (let kills = 0; kills < 2; kills++) {
      await nextPack();
      await endChild(server);
      server = await startServer();
    }
    expect(await result).toMatchObject({ exit: 0 });
    expect(torn()).toEqual([]);
    expect(await resticText('restic', folder(), ['check', '--read-data'])).toContain('no errors were found');
  });

  it('has nothing of a client that was killed but whole files', async () => {
    await makeTheirs('restic', folder());
    server = await startServer();
    for (let kills = 0; kills < 3; kills++) {
      const backup = startBackup(['--limit-upload', '20000']);
      await nextPack();
      await endChild(backup);
    }
    server.kill('SIGTERM');
    expect(await once(server, 'close')).toEqual([0, null]);
    expect(torn()).toEqual([]);
    await resticText('restic', folder(), ['unlock', '--remove-all']);
    expect(await resticText('restic', folder(), ['check', '--read-data'])).toContain('no errors were found');
  });
});
