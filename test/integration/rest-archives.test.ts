// Archives and values of a vault behind `cairn serve --rest`: as in a folder, under the rules of the server.
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RestServerOptions } from '../../src/server/rest/rest-server.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { peersMissing } from '../support/peers.ts';
import { quickVault } from '../support/quick-vault.ts';
import { serveOurs, serveTheirs } from '../support/rest-serving.ts';

let scratch: string;
let source: string;
let served: Storage;
let open: AsyncDisposable[];

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-rest-archives-'));
  source = join(scratch, 'site');
  await mkdir(source);
  await mkdir(join(scratch, 'served'));
  await writeFile(join(source, 'a.bin'), randomBytes(300_000));
  served = openLocalStorage(join(scratch, 'served'), { durable: false });
  open = [];
});
afterEach(async () => {
  for (const one of open.toReversed()) await one[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

/** A new vault behind a server with these rules; they hold from its beginning. */
async function vaultBehind(rules: Partial<RestServerOptions> = {}): Promise<Vault> {
  const server = await serveOurs(served, rules);
  open.push(server);
  const vault = await quickVault(await openStorage(`rest:${server.url}ana/laptop/`), 'pw');
  open.push(vault);
  return vault;
}

const shelfNames = async (): Promise<string[]> =>
  (await Array.fromAsync(served.list('ana/laptop/archives/'))).map(({ name }) =>
    name.slice('ana/laptop/archives/site/'.length),
  );

describe('a vault behind our REST server', () => {
  it('keeps archives and values, and all that is done with them', async () => {
    const vault = await vaultBehind();
    const { id } = await vault.archive(source, { tags: ['old'] });
    await vault.values.set('key', { version: 1 });
    await vault.tag({ add: ['new'] }, { references: [id] });
    expect((await vault.get(id)).tags).toEqual(['old', 'new']);
    await vault.restore(id, { to: join(scratch, 'out') });
    expect((await readFile(join(scratch, 'out/site/a.bin'))).equals(await readFile(join(source, 'a.bin')))).toBe(true);
    expect(await vault.values.get('key')).toEqual({ version: 1 });
    expect((await vault.check({ readData: 'all' })).findings).toEqual([]);
    await vault.delete(id);
    expect(await shelfNames()).toEqual([]);
  });

  it('takes copies of archives and values from another vault', async () => {
    const vault = await vaultBehind();
    await using first = await quickVault(openLocalStorage(join(scratch, 'first'), { durable: false }), 'pw');
    await first.archive(source);
    await first.values.set('key', 1);
    const { copies } = await first.copyTo(vault);
    expect(copies.map(({ backup, outcome }) => `${backup.form} ${outcome}`)).toEqual([
      'archive copied',
      'value copied',
    ]);
  });

  it('that only adds takes archives, and removes and replaces none', async () => {
    const vault = await vaultBehind({ appendOnly: true });
    const { id } = await vault.archive(source, { time: '2024-01-01T00:00:00Z' });
    await vault.archive(source, { time: '2024-01-02T00:00:00Z' });
    await expect(vault.delete(id)).rejects.toMatchObject({ code: 'STORAGE_APPEND_ONLY' });
    await expect(vault.tag({ add: ['x'] }, { references: [id] })).rejects.toMatchObject({
      code: 'STORAGE_APPEND_ONLY',
    });
    // No mark of a writer is left, as no lock is.
    const stored = ['20240101', '20240102'].map((day) => `site.${day}T000000Z.tar.zst.age`);
    expect(await shelfNames()).toEqual(stored.flatMap((name) => [name, `${name}.json`]));
    expect((await vault.get(id)).tags).toEqual([]);
  });

  it('that has no room left stores nothing of an archive, and has the room again', async () => {
    const vault = await vaultBehind({ maxTotalBytes: 200_000 });
    await expect(vault.archive(source)).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    expect(await shelfNames()).toEqual([]);
    await writeFile(join(source, 'a.bin'), randomBytes(100_000));
    expect((await vault.archive(source)).status).toBe('complete');
  });

  it('shows nothing of an archive whose client went away', async () => {
    const vault = await vaultBehind();
    const stop = new AbortController();
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      for (let sent = 0; ; sent++) {
        if (sent === 40) stop.abort();
        yield randomBytes(100_000);
      }
    };
    const stream = { type: 'stream', name: 'site', open: endless, sizeBytes: 2 ** 40 } as const;
    await expect(vault.archive(stream, { signal: stop.signal })).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await Array.fromAsync(vault.list())).toEqual([]);
    await vault.archive(source);
    expect((await vault.check({ readData: 'all' })).findings).toEqual([]);
  });
});

it.skipIf(peersMissing('rest-server'))(
  'a vault behind another server says at once that it takes no archives',
  async () => {
    const theirs = await serveTheirs(join(scratch, 'served'));
    open.push(theirs);
    const vault = await quickVault(await openStorage(`rest:${theirs.url}`), 'pw');
    open.push(vault);
    await expect(vault.archive(source)).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      hint: expect.stringContaining('cairn'),
    });
    await expect(vault.values.set('key', 1)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  },
);
