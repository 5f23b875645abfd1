// What the check sends to its worker threads and gets back.
import type { SealKey } from '../../kernels/codec.ts';
import type { BlobIndexMemory } from '../index/blob-index.ts';
import type { CheckPiece } from './covering-pieces.ts';
import type { Finding } from './finding.ts';

export interface CheckWorkerSetup {
  readonly index: BlobIndexMemory;
  readonly key: SealKey;
  /** Blobs the index lists for each pack, in shared memory. */
  readonly blobCounts: Uint32Array;
  /** Directory to read packs from; `undefined`: they come with the jobs. */
  readonly localPath: string | undefined;
}

/** All of a pack. */
export interface CheckPackJob {
  readonly packNumber: number;
  readonly sizeBytes: number;
  readonly bytes?: Uint8Array<ArrayBuffer> | undefined;
}

export interface CheckPieceJob {
  readonly packNumber: number;
  readonly piece: CheckPiece;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export type ToCheckWorker =
  | { readonly kind: 'pack'; readonly id: number; readonly job: CheckPackJob }
  | { readonly kind: 'piece'; readonly id: number; readonly job: CheckPieceJob };

export type FromCheckWorker =
  | { readonly id: number; readonly kind: 'checked'; readonly findings: readonly Finding[] }
  | { readonly id: number; readonly kind: 'looked-at'; readonly isGood: boolean }
  | { readonly id: number; readonly kind: 'failed'; readonly error: string };
