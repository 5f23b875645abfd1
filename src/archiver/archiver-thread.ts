import type { WorkerKind } from '../base/start-worker.ts';

/** The threads that read, chunk, hash, compress and seal. */
export const archiverThread: WorkerKind = {
  module: 'archiver/worker/worker-main',
  // Nearly all its memory is outside of the heap; a small young generation keeps it that way.
  options: { resourceLimits: { maxYoungGenerationSizeMb: 4 } },
};
