import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { BlobId } from '../base/ids.ts';
import { encodePackHeader, type PackEntry } from '../formats/pack/pack-header.ts';
import { makeRepository } from '../../test/support/repository-fixture.ts';
import { IndexWriter } from './index-writer.ts';
import { loadIndex } from './index/load-index.ts';
import type { FinishedPack } from './pack-builder.ts';
import type { Repository } from './repository.ts';

const FULL_BLOBS = 50_000;

/** A pack that exists only in the index. */
function listedPack(blobCount: number): FinishedPack {
  const ids = randomBytes(32 * blobCount).toString('hex');
  const entries: PackEntry[] = Array.from({ length: blobCount }, (_, i) => ({
    type: 'data',
    id: ids.slice(64 * i, 64 * i + 64) as BlobId,
    offset: 40 * i,
    length: 40,
    uncompressedLength: 0,
  }));
  return { id: randomBytes(32), sizeBytes: 1, header: encodePackHeader(entries), blobCount };
}

async function indexFiles(repository: Repository): Promise<number> {
  let count = 0;
  for await (const _ of repository.listIds('index')) count++;
  return count;
}

describe('IndexWriter', () => {
  it('saves nothing when there is nothing to list', async () => {
    const { repository } = await makeRepository();
    await new IndexWriter(repository).flush();
    expect(await indexFiles(repository)).toBe(0);
  });

  it('keeps packs until the file is full, then saves it', async () => {
    const { repository } = await makeRepository();
    const writer = new IndexWriter(repository);
    for (let blobs = 0; blobs < FULL_BLOBS - 10_000; blobs += 10_000) await writer.add(listedPack(10_000));
    expect(await indexFiles(repository)).toBe(0);
    await writer.add(listedPack(10_000));
    expect(await indexFiles(repository)).toBe(1);
  });

  it('lists each pack once, however often it is flushed', async () => {
    const { repository } = await makeRepository();
    const writer = new IndexWriter(repository);
    await writer.add(listedPack(3));
    await Promise.all([writer.flush(), writer.flush()]);
    await writer.add(listedPack(4));
    await writer.flush();
    const index = await loadIndex(repository);
    expect({ blobs: index.size, packs: index.packCount }).toEqual({ blobs: 7, packs: 2 });
  });
});
