import type { WorkerKind } from '../base/start-worker.ts';

/** The threads that open blobs and write files. */
export const restorerThread: WorkerKind = {
  module: 'restorer/worker/worker-main',
  // Descriptors are shared with the main thread on purpose.
  options: { trackUnmanagedFds: false },
};
