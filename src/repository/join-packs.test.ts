import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { idToBytes } from '../base/ids.ts';
import { blobIdOf, makeRepository } from '../../test/support/repository-fixture.ts';
import { BLOB_DATA } from './index/blob-index.ts';
import { type OpenPack, storeJoined } from './join-packs.ts';
import { PACK_HEADER_ROOM, PackBuilder } from './pack-builder.ts';
import type { Repository } from './repository.ts';

const PACK_BYTES = 10_000;

function openPack({ codec, key }: Repository, blobs: number): OpenPack {
  const buffer = new Uint8Array(3 * PACK_BYTES + PACK_HEADER_ROOM);
  const builder = new PackBuilder(codec, key, buffer);
  for (let i = 0; i < blobs; i++) {
    const plain = randomBytes(1000);
    builder.addRaw(BLOB_DATA, idToBytes(blobIdOf(plain)), plain);
  }
  return { buffer, ...builder.handOver() };
}

/** How many blobs each pack has that is stored. */
async function blobCounts(repository: Repository, sizes: readonly number[]): Promise<number[]> {
  const counts: number[] = [];
  const packs = { store: async ({ blobCount }: { readonly blobCount: number }) => void counts.push(blobCount) };
  const open = sizes.map((blobs) => openPack(repository, blobs));
  await storeJoined(open, PACK_BYTES, packs, repository);
  return counts;
}

describe('storeJoined', () => {
  it('makes one pack of what fits into one', async () => {
    const { repository } = await makeRepository();
    expect(await blobCounts(repository, [2, 4, 3])).toEqual([9]);
  });

  it('makes none that is larger than packs usually are, though there were room', async () => {
    const { repository } = await makeRepository();
    expect(await blobCounts(repository, [6, 6])).toEqual([6, 6]);
  });
});
