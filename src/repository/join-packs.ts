import { MAX_BLOBS_PER_PACK, PACK_HEADER_ROOM, PackBuilder, type UnfinishedPack } from './pack-builder.ts';
import type { PackWriter } from './pack-writer.ts';
import type { Repository } from './repository.ts';

/** A pack that was begun: its sealed blobs lie at the start of `buffer`. */
export interface OpenPack extends UnfinishedPack {
  readonly buffer: Uint8Array;
}

/**
 * Joins unfinished packs of one type into as few as they fill, in their buffers, and stores them. Together they do not get larger than
 * packs usually are: two that go out side by side are sooner there than one of their size.
 */
export async function storeJoined(
  unfinished: readonly OpenPack[],
  packSizeBytes: number,
  packs: Pick<PackWriter, 'store'>,
  repository: Repository,
): Promise<void> {
  let open: { readonly builder: PackBuilder; readonly buffer: Uint8Array } | undefined;
  const stores: Promise<void>[] = [];
  const finish = (): void => {
    if (open !== undefined) stores.push(packs.store(open.builder.finish(), open.buffer));
    open = undefined;
  };
  for (const one of unfinished.toSorted((a, b) => b.sizeBytes - a.sizeBytes)) {
    if (open !== undefined && !fits(open.builder, one, Math.min(packSizeBytes, open.buffer.length - PACK_HEADER_ROOM)))
      finish();
    open ??= { builder: new PackBuilder(repository.codec, repository.key, one.buffer), buffer: one.buffer };
    open.builder.addSealed(one.buffer.subarray(0, one.sizeBytes), one.header, one.blobCount);
  }
  finish();
  await Promise.all(stores);
}

function fits(builder: PackBuilder, { sizeBytes, blobCount }: OpenPack, mostBytes: number): boolean {
  return builder.sizeBytes + sizeBytes <= mostBytes && builder.blobCount + blobCount <= MAX_BLOBS_PER_PACK;
}
