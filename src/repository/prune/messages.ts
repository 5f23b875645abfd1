// What a prune sends to its worker threads and gets back.
import type { ErrorCode } from '../../base/error-codes.ts';
import type { SealKey } from '../../kernels/codec.ts';
import type { BlobIndexMemory } from '../index/blob-index.ts';
import type { FinishedPack } from '../pack-builder.ts';
import type { CopyJob, CopyRules, Leftover } from './blob-copier.ts';

export interface RepackWorkerSetup {
  readonly index: BlobIndexMemory;
  readonly key: SealKey;
  readonly rules: CopyRules;
}

/** The bytes go over to the thread. */
export interface OwnedCopyJob extends CopyJob {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export type ToRepackWorker =
  | { readonly kind: 'copy'; readonly job: number; readonly copy: OwnedCopyJob }
  | { readonly kind: 'flush'; readonly job: number };

export type FromRepackWorker =
  | { readonly kind: 'pack'; readonly pack: FinishedPack; readonly buffer: Uint8Array<ArrayBuffer> }
  /** `isOpen`: a pack of data is begun and not full. */
  | { readonly kind: 'copied'; readonly job: number; readonly damaged: readonly number[]; readonly isOpen: boolean }
  | { readonly kind: 'flushed'; readonly job: number; readonly leftovers: readonly Leftover[] }
  | { readonly kind: 'failed'; readonly code: ErrorCode | undefined; readonly message: string };
