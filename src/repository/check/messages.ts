// What the check sends to its worker threads and gets back.
import type { SealKey } from '../../kernels/codec.ts';
import type { BlobIndexMemory } from '../index/blob-index.ts';
import type { Finding } from './finding.ts';

export interface CheckWorkerSetup {
  readonly index: BlobIndexMemory;
  readonly key: SealKey;
  /** Blobs the index lists for each pack, in shared memory. */
  readonly blobCounts: Uint32Array;
  /** Directory to read packs from; `undefined`: they come with the jobs. */
  readonly localPath: string | undefined;
}

export interface CheckPackJob {
  readonly packNumber: number;
  readonly sizeBytes: number;
  readonly bytes?: Uint8Array<ArrayBuffer> | undefined;
}

export type CheckPackResult =
  | { readonly packNumber: number; readonly kind: 'checked'; readonly findings: readonly Finding[] }
  | { readonly packNumber: number; readonly kind: 'failed'; readonly error: string };
