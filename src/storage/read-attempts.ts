import type { Storage } from './storage.ts';

/**
 * How often an object is read before it is given up as damaged, with `copy` counting from 0: twice, since a transfer
 * may have gone wrong; of several storages from the nearest and then from each.
 */
export function readAttempts({ features }: Pick<Storage, 'features'>): number {
  const { copies = 1 } = features;
  return copies === 1 ? 2 : copies + 1;
}
