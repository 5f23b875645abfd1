import type { PerRequest } from './storage.ts';

/** The requests of a stream for which no layer does anything. */
export const runOnce: PerRequest = (_, run) => run();
