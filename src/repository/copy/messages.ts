// What copies blobs, and what it is told and answers; across a thread or not.
import type { ErrorCode } from '../../base/error-codes.ts';
import type { SealKey } from '../../kernels/codec.ts';
import type { BlobTypeBit } from '../index/blob-index.ts';
import type { FinishedPack } from '../pack-builder.ts';
import type { UnfilledPack } from '../pack-filler.ts';

export interface CopierSetup {
  readonly sourceKey: SealKey;
  readonly targetKey: SealKey;
  /** Version of the target. */
  readonly version: 1 | 2;
  /** zstd level for data that is not compressed yet, or `undefined` to store it as it is. */
  readonly level: number | undefined;
  readonly packSizeBytes: number;
  /** See `PackBuilderOptions.verify`. */
  readonly verify: boolean;
}

/** Blobs as they lie in a pack of the source. */
export interface SealedJob {
  readonly kind: 'sealed';
  readonly type: BlobTypeBit;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** 32 bytes for each blob. */
  readonly ids: Uint8Array<ArrayBuffer>;
  /** For each blob its offset in `bytes`, its length, and the length of its plaintext (0 = stored as it is). */
  readonly places: Uint32Array;
}

/** One blob as it was read and verified on another way. */
export interface PlainJob {
  readonly kind: 'plain';
  readonly type: BlobTypeBit;
  readonly id: Uint8Array;
  readonly plain: Uint8Array;
}

export type CopyJob = SealedJob | PlainJob;

export interface FilledPack {
  readonly pack: FinishedPack;
  readonly buffer: Uint8Array<ArrayBuffer>;
}

export interface CopyAnswer {
  /** Packs that were filled meanwhile. */
  readonly packs: readonly FilledPack[];
  /** Positions of the blobs of a `SealedJob` that are damaged. */
  readonly bad: readonly number[];
}

export type ToCopyWorker =
  | { readonly kind: 'job'; readonly job: CopyJob; readonly spare: ArrayBuffer | undefined }
  | { readonly kind: 'flush' };

export type FromCopyWorker =
  | { readonly kind: 'copied'; readonly answer: CopyAnswer }
  | { readonly kind: 'flushed'; readonly open: UnfilledPack | undefined }
  | {
      readonly kind: 'failed';
      readonly code: ErrorCode | undefined;
      readonly message: string;
      readonly hint: string | undefined;
    };
