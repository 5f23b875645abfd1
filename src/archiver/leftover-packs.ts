import { type OpenPack, storeJoined } from '../repository/join-packs.ts';
import type { PackWriter } from '../repository/pack-writer.ts';
import type { Repository } from '../repository/repository.ts';
import type { WorkerPool } from './worker-pool.ts';

/** Stores the unfinished packs of all workers, joined, so that a small backup makes one pack. */
export async function storeLeftovers(
  pool: WorkerPool,
  packs: PackWriter,
  repository: Repository,
  packSizeBytes: number,
): Promise<void> {
  const done = await pool.runOnAll({ kind: 'flush' });
  const leftovers: OpenPack[] = [];
  done.forEach(({ result }) => {
    if (result.kind !== 'flush' || result.leftover === undefined) return;
    leftovers.push({ ...result.leftover, buffer: pool.slotBuffer(result.leftover.slot) });
  });
  await storeJoined(leftovers, packSizeBytes, packs, repository);
}
