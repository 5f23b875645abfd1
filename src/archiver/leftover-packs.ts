import { MAX_BLOBS_PER_PACK, PACK_HEADER_ROOM, PackBuilder } from '../repository/pack-builder.ts';
import type { PackWriter } from '../repository/pack-writer.ts';
import type { Repository } from '../repository/repository.ts';
import type { FlushResult } from './worker/messages.ts';
import type { WorkerPool } from './worker-pool.ts';

type Leftover = NonNullable<FlushResult['leftover']> & { readonly buffer: Uint8Array };

/** Joins the unfinished packs of all workers into as few as they fill, so that a small backup makes one pack. */
export async function storeLeftovers(pool: WorkerPool, packs: PackWriter, repository: Repository): Promise<void> {
  const done = await pool.runOnAll({ kind: 'flush' });
  const leftovers: Leftover[] = [];
  done.forEach(({ result }) => {
    if (result.kind !== 'flush' || result.leftover === undefined) return;
    leftovers.push({ ...result.leftover, buffer: pool.slotBuffer(result.leftover.slot) });
  });
  leftovers.sort((a, b) => b.sizeBytes - a.sizeBytes);
  let open: { readonly builder: PackBuilder; readonly buffer: Uint8Array } | undefined;
  const stores: Promise<void>[] = [];
  const finish = (): void => {
    if (open !== undefined) stores.push(packs.store(open.builder.finish(), open.buffer));
    open = undefined;
  };
  for (const leftover of leftovers) {
    if (open !== undefined && !fits(open.builder, open.buffer, leftover)) finish();
    open ??= { builder: new PackBuilder(repository.codec, repository.key, leftover.buffer), buffer: leftover.buffer };
    open.builder.addSealed(leftover.buffer.subarray(0, leftover.sizeBytes), leftover.header, leftover.blobCount);
  }
  finish();
  await Promise.all(stores);
}

function fits(builder: PackBuilder, buffer: Uint8Array, { sizeBytes, blobCount }: Leftover): boolean {
  const room = buffer.length - PACK_HEADER_ROOM - builder.sizeBytes;
  return sizeBytes <= room && builder.blobCount + blobCount <= MAX_BLOBS_PER_PACK;
}
