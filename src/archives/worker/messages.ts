// What the archive's worker threads are told and answer.
import type { ArchiveCodec } from '../codec.ts';

/** Memory of one block, shared with the threads. */
export interface BlockMemory {
  /** `BLOCK_BYTES` of the tar stream. */
  readonly plain: Uint8Array;
  /** `BLOCK_ROOM` for what becomes of it. */
  readonly packed: Uint8Array;
}

export interface CompressSetup {
  readonly codec: ArchiveCodec;
  readonly blocks: readonly BlockMemory[];
}

export interface CompressTask {
  readonly block: number;
  readonly size: number;
}

export interface CompressAnswer {
  readonly block: number;
  /** Bytes in `packed`. */
  readonly size: number;
}
