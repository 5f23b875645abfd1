// Archives of one stream: standard input, or what a program prints.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CairnError } from '../../src/base/errors.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { StorageLayer } from '../../src/storage/layers/storage-layer.ts';
import type { Storage, WrittenStream } from '../../src/storage/storage.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { peersMissing } from '../support/peers.ts';
import { quickVault } from '../support/quick-vault.ts';

let scratch: string;
let temporary: string;
let storage: Storage;
let vault: Vault;

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-archive-stream-'));
  temporary = join(scratch, 'tmp');
  await mkdir(temporary);
  vi.stubEnv('TMPDIR', temporary);
  storage = openMemoryStorage();
  vault = await quickVault(storage, 'pw');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await vault.close();
  await rm(scratch, { recursive: true });
});

/** In pieces of odd sizes. */
async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7 + 3) % 90_001)
    yield bytes.subarray(at, at + size);
}

const objects = async (): Promise<string[]> =>
  (await Array.fromAsync(storage.list('archives/'))).map(({ name }) => name);
const content = randomBytes(3_500_000);
const dump = { type: 'stream', name: 'dumps/main.sql', open: () => pieces(content) } as const;
const shell = (script: string) =>
  ({ type: 'command', command: 'sh', args: ['-c', script], filename: 'out.txt' }) as const;

describe('an archive of a stream', () => {
  it.each([undefined, content.length])('is one file that restores byte for byte (size: %s)', async (sizeBytes) => {
    const result = await vault.archive({ ...dump, sizeBytes });
    expect(result).toMatchObject({ name: 'main.sql', status: 'complete', fileCount: 1, bytes: content.length });
    await vault.restore(result.id, { to: join(scratch, 'out') });
    expect((await readFile(join(scratch, 'out/main.sql'))).equals(content)).toBe(true);
    expect((await vault.check({ readData: 'all' })).findings).toEqual([]);
  });

  it('is the same for tar, whether its size was given or found out', async () => {
    const metadata = { mode: 0o640, mtimeNs: 1_700_000_000_000_000_000n, uid: 7, gid: 8, user: 'u', group: 'g' };
    const found = await vault.archive({ ...dump, metadata }, { encrypt: false, codec: 'none' });
    const given = await vault.archive(
      { ...dump, metadata, sizeBytes: content.length },
      { encrypt: false, codec: 'none' },
    );
    const [one, two] = await Promise.all([found, given].map(({ id }) => storage.read(`archives/main.sql/${id}`)));
    expect(Buffer.from(one ?? []).equals(Buffer.from(two ?? []))).toBe(true);
    const listed = execFileSync('tar', ['tvf', '-', '--numeric-owner'], { input: one, encoding: 'utf8' });
    expect(listed).toMatch(/^-rw-r----- 7\/8 +3500000 .* main\.sql\n$/u);
  });

  it('leaves nothing in the temporary directory, where it can be seen by no name even while it is read', async () => {
    const seen: string[][] = [];
    const open = async function* (): AsyncGenerator<Uint8Array> {
      for await (const piece of pieces(content)) {
        seen.push(await readdir(temporary));
        yield piece;
      }
    };
    await vault.archive({ ...dump, open });
    expect([seen.flat(), await readdir(temporary)]).toEqual([[], []]);
  });

  it.each([content.length - 1, content.length + 1])(
    'is none where the stream has not the size that was said',
    async (sizeBytes) => {
      await expect(vault.archive({ ...dump, sizeBytes })).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
      expect(await objects()).toEqual([]);
    },
  );

  it('takes a stream of Node, under the name that is given', async () => {
    const result = await vault.archive(Readable.from([Buffer.from('text')]), { name: 'notes' });
    expect(Buffer.concat(await Array.fromAsync(vault.cat(result.id, 'notes'))).toString()).toBe('text');
  });

  it.skipIf(peersMissing('zstd'))('is what zstd and tar give back', async () => {
    const { id } = await vault.archive(dump, { encrypt: false });
    const object = await storage.read(`archives/main.sql/${id}`);
    const tar = execFileSync('zstd', ['-dc'], { input: object, maxBuffer: 2 ** 24 });
    const out = execFileSync('tar', ['xOf', '-', 'main.sql'], { input: tar, maxBuffer: 2 ** 24 });
    expect(out.equals(content)).toBe(true);
  });
});

describe('an archive of the output of a program', () => {
  it('holds what it printed', async () => {
    const { id } = await vault.archive(shell('printf hello'));
    expect(Buffer.concat(await Array.fromAsync(vault.cat(id, 'out.txt'))).toString()).toBe('hello');
  });

  it.each([undefined, 5])('is none where it fails, also at its end (size: %s)', async (sizeBytes) => {
    await expect(vault.archive({ ...shell('printf hello; exit 3'), sizeBytes })).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
    });
    expect([await objects(), await readdir(temporary)]).toEqual([[], []]);
  });

  it('ends it where the storage fails', async () => {
    class FullSoon extends StorageLayer {
      override async writeStream(_: string, chunks: AsyncIterable<Uint8Array>): Promise<WrittenStream> {
        for await (const chunk of chunks) if (chunk.length > 0) break;
        throw new CairnError('STORAGE_FULL', 'no space left');
      }
    }
    await using full = await quickVault(new FullSoon(openMemoryStorage()), 'pw');
    const pidFile = join(scratch, 'pid');
    const script = `echo $$ > ${pidFile}; exec cat /dev/zero`;
    await expect(full.archive({ ...shell(script), sizeBytes: 2 ** 40 }, { encrypt: false })).rejects.toMatchObject({
      code: 'STORAGE_FULL',
    });
    const pid = Number(await readFile(pidFile, 'utf8'));
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});
