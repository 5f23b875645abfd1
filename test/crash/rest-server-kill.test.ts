// kill -9 of our REST server and of its clients, in the middle of uploads: what is there is whole, and the client goes on.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Ended, ended, Home } from '../e2e/cairn-program.ts';
import { freePort } from '../support/free-port.ts';
import { filesOf, makeOurs, makeTheirs, resticText } from '../support/interop.ts';
import { MeteredProxy } from '../support/metered-proxy.ts';
import { findPeer } from '../support/peer-catalog.ts';
import { peersMissing } from '../support/peers.ts';
import { RESTIC_PASSWORD } from '../support/restic.ts';
import { endChild } from '../support/server-process.ts';
import { leftoversIn } from '../support/survived-vault.ts';

const SOURCE_BYTES = 80_000_000;

let home: Home;
let port = 0;
let server: ChildProcess | undefined;
/** What the clients talk to. */
let proxy: MeteredProxy;

beforeEach(async () => {
  home = await Home.make();
  port = await freePort();
  proxy = await MeteredProxy.start(port);
  mkdirSync(home.file('served'));
  await home.folder('source');
  const sizeBytes = SOURCE_BYTES / 40;
  for (let count = 0; count < 40; count++) writeFileSync(home.file('source', `${count}`), randomBytes(sizeBytes));
});

afterEach(async () => {
  await proxy[Symbol.asyncDispose]();
  if (server !== undefined) await endChild(server);
  await home[Symbol.asyncDispose]();
});

interface RequestLine {
  readonly method?: string;
  readonly path?: string;
  readonly status?: number;
}

/** Resolves once it listens, and calls back with what it says of each request. */
async function startServer(onLine: (line: RequestLine) => void = () => {}): Promise<ChildProcess> {
  const address = `127.0.0.1:${port}`;
  const child = home.start(['serve', '--rest', '--no-auth', '--json', '--listen', address, home.file('served')]);
  const lines = createInterface({ input: child.stdout! });
  lines.on('line', (line) => onLine(JSON.parse(line) as RequestLine));
  await once(lines, 'line');
  return child;
}

const url = (): string => `rest:http://127.0.0.1:${proxy.port}/repo/`;
const folder = (): string => home.file('served', 'repo');

interface Client {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

function startTheirBackup(): Client {
  const args = ['--no-cache', '-r', url(), 'backup', '--quiet', home.file('source')];
  const child = spawn(findPeer('restic')!.path, args, { env: { ...process.env, RESTIC_PASSWORD }, stdio: 'pipe' });
  return { child, ended: ended(child) };
}

function startOurBackup(): Client {
  const env = { CAIRN_PASSWORD: RESTIC_PASSWORD };
  const child = home.start(['--vault', url(), 'backup', home.file('source'), '--quiet'], { env });
  return { child, ended: ended(child) };
}

/**
 * Waits until the client has sent so much more. It cannot go on then, nor be done: that takes `SOURCE_BYTES`, nothing of which can be
 * compressed. A pack has no fewer than 16 MiB, so that of the first 8 MB some are of one whose end is missing.
 */
async function sent(bytes: number, client: Client): Promise<void> {
  const failed = client.ended.then(({ exit, stderr }) => {
    throw new Error(`the client ended with ${exit}: ${stderr}`);
  });
  await Promise.race([proxy.letThrough(bytes), failed]);
}

/** Files of a kind; their folder is made with the first. */
const stored = (kind: Parameters<typeof filesOf>[1]): string[] =>
  existsSync(join(folder(), kind)) ? filesOf(folder(), kind) : [];

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
    const backup = startTheirBackup();
    for (const bytes of [8_000_000, 20_000_000, 30_000_000]) {
      await sent(bytes, backup);
      await endChild(server);
      expect(torn()).toEqual([]);
      server = await startServer();
    }
    proxy.open();
    expect(await backup.ended).toMatchObject({ exit: 0 });
    expect(torn()).toEqual([]);
    expect(await resticText('restic', folder(), ['check', '--read-data'])).toContain('no errors were found');
  });

  it('does not stop a backup of ours either', async () => {
    await makeOurs(folder(), 'gear');
    server = await startServer();
    const backup = startOurBackup();
    for (const bytes of [8_000_000, 30_000_000]) {
      await sent(bytes, backup);
      await endChild(server);
      server = await startServer();
    }
    proxy.open();
    expect(await backup.ended).toMatchObject({ exit: 0 });
    expect(torn()).toEqual([]);
    expect(await resticText('restic', folder(), ['check', '--read-data'])).toContain('no errors were found');
  });

  it('has nothing of a client that was killed but whole files', async () => {
    await makeTheirs('restic', folder());
    let brokenOff = 0;
    server = await startServer(({ method, path = '', status }) => {
      if (method === 'POST' && path.startsWith('/repo/data/') && status === 0) brokenOff++;
    });
    for (const bytes of [8_000_000, 30_000_000, 50_000_000]) {
      const backup = startTheirBackup();
      await sent(bytes, backup);
      await endChild(backup.child);
      proxy.cut();
    }
    server.kill('SIGTERM');
    expect(await once(server, 'close')).toEqual([0, null]);
    expect(brokenOff).toBeGreaterThanOrEqual(3);
    expect([...torn(), ...leftoversIn(folder())]).toEqual([]);
    await resticText('restic', folder(), ['unlock', '--remove-all']);
    expect(await resticText('restic', folder(), ['check', '--read-data'])).toContain('no errors were found');
  });
});
