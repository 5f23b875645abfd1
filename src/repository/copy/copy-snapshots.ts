// Packs, then index, then snapshots: as everywhere, a file of the target names only what is durable there.
import type { ErrorCode } from '../../base/error-codes.ts';
import { isCairnError } from '../../base/errors.ts';
import type { SnapshotId } from '../../base/ids.ts';
import { editSnapshot } from '../../formats/snapshot/edit-snapshot.ts';
import { BLOB_DATA, BLOB_TREE } from '../index/blob-index.ts';
import type { SnapshotRecord } from '../snapshots.ts';
import { BlobTransfer, type TransferOptions } from './blob-transfer.ts';
import type { PlannedCopy } from './plan-copy.ts';
import type { CopySide, SourceTrees } from './source-trees.ts';
import { DamageTracer } from './trace-damage.ts';

/** Snapshots are stored whenever so much has been copied for them: what is finished then is a backup. */
const BATCH_BYTES = 1024 * 1024 * 1024;

export type CopiedSnapshot =
  | { readonly outcome: 'copied'; readonly record: SnapshotRecord; readonly copy: SnapshotId }
  | {
      readonly outcome: 'failed';
      readonly record: SnapshotRecord;
      readonly code: ErrorCode;
      readonly message: string;
    };

export interface CopySnapshotsOptions extends Omit<TransferOptions, 'expectedBytes'> {
  readonly trees: SourceTrees;
  /** Rejects unless the lock of the target is surely held. */
  readonly assertHeld: () => Promise<void>;
  readonly onSnapshot?: ((copied: CopiedSnapshot) => void) | undefined;
}

export interface CopySnapshotsResult {
  readonly snapshots: readonly CopiedSnapshot[];
  /** Packs stored in the target, and their bytes. */
  readonly packs: number;
  readonly storedBytes: number;
}

/** Copies what was planned. A snapshot that needs a lost blob is not copied; everything else is. */
export async function copySnapshots(
  source: CopySide,
  target: CopySide,
  plan: readonly PlannedCopy[],
  options: CopySnapshotsOptions,
): Promise<CopySnapshotsResult> {
  const { signal, damage } = options;
  const expectedBytes = plan.reduce((sum, { needed }) => sum + needed.bytes, 0);
  const tracer = new DamageTracer(options.trees, damage);
  const snapshots: CopiedSnapshot[] = [];
  await using transfer = new BlobTransfer(source, target, { ...options, expectedBytes });
  // A stop ends the threads, and whoever waits for them.
  const onAbort = (): void => void transfer[Symbol.asyncDispose]();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    for (const batch of batchesOf(plan)) {
      await transfer.copy(BLOB_DATA, joined(batch.map(({ needed }) => needed.data)));
      await transfer.copy(BLOB_TREE, joined(batch.map(({ needed }) => needed.trees)));
      await transfer.flush();
      for (const { record } of batch) {
        signal?.throwIfAborted();
        const copied = await copyOne(source, target, record, tracer, options);
        snapshots.push(copied);
        options.onSnapshot?.(copied);
      }
    }
  } catch (error) {
    signal?.throwIfAborted();
    await transfer.saveProgress();
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
  return { snapshots, packs: transfer.packCount, storedBytes: transfer.storedBytes };
}

async function copyOne(
  source: CopySide,
  target: CopySide,
  record: SnapshotRecord,
  tracer: DamageTracer,
  { signal, assertHeld }: CopySnapshotsOptions,
): Promise<CopiedSnapshot> {
  const { id, snapshot } = record;
  const lost = await tracer.find(snapshot.tree, signal);
  if (lost !== undefined) return { outcome: 'failed', record, code: lost.code, message: lost.message };
  const json = await source.repository.loadUnpacked('snapshot', id, { signal });
  let edited: Uint8Array;
  try {
    // As restic: the first version stays known by its id, and a parent has no meaning in another repository.
    edited = editSnapshot(json, { parent: undefined, original: snapshot.original ?? id });
  } catch (error) {
    if (!isCairnError(error)) throw error;
    return { outcome: 'failed', record, code: error.code, message: error.message };
  }
  await assertHeld();
  return { outcome: 'copied', record, copy: await target.repository.saveUnpacked('snapshot', edited, { signal }) };
}

function* batchesOf(plan: readonly PlannedCopy[]): Generator<readonly PlannedCopy[]> {
  let batch: PlannedCopy[] = [];
  let bytes = 0;
  for (const copy of plan) {
    batch.push(copy);
    bytes += copy.needed.bytes;
    if (bytes < BATCH_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

function joined(lists: readonly Uint32Array[]): Uint32Array {
  const all = new Uint32Array(lists.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  return all;
}
