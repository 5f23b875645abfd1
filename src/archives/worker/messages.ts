// What the archive's worker threads are told. They answer in the ring.
import type { ArchiveCodec } from '../codec.ts';
import type { RingMemory } from './block-ring.ts';

export interface CompressSetup {
  readonly codec: ArchiveCodec;
  readonly ring: RingMemory;
}
