import type { ColdObjectInfo, ColdStorage, ObjectName, ObjectState, Storage, StorageOptions } from '../storage.ts';

const worth: Readonly<Record<ObjectState['kind'], number>> = { hot: 0, retrieved: 1, retrieving: 2, cold: 3 };

/** The cold classes of several storages that hold the same; `undefined` where none has any. */
export function mirrorCold(storages: readonly Storage[]): ColdStorage | undefined {
  const colds = storages.flatMap(({ cold }) => (cold === undefined ? [] : [cold]));
  if (colds.length === 0) return undefined;
  return {
    /** The best of its copies: one that can be read suffices. */
    async state(name, options) {
      let best: ColdObjectInfo | undefined;
      for (const storage of storages) {
        const info = await stateIn(storage, name, options);
        if (info !== undefined && (best === undefined || worth[info.state.kind] < worth[best.state.kind])) best = info;
        if (best?.state.kind === 'hot') break;
      }
      return best;
    },
    /** From the first that has it in this class. */
    async retrieve(name, options) {
      for (const cold of colds) {
        const state = (await cold.state(name, options))?.state;
        if (state !== undefined && state.kind !== 'hot' && state.storageClass === options.storageClass) {
          return cold.retrieve(name, options);
        }
      }
      await colds[0]?.retrieve(name, options);
    },
    publishedMs: (storageClass, tier) => {
      for (const cold of colds) {
        const needed = cold.publishedMs(storageClass, tier);
        if (needed !== undefined) return needed;
      }
      return undefined;
    },
  };
}

async function stateIn(
  storage: Storage,
  name: ObjectName,
  options: StorageOptions | undefined,
): Promise<ColdObjectInfo | undefined> {
  if (storage.cold !== undefined) return storage.cold.state(name, options);
  const info = await storage.stat(name, options);
  return info === undefined ? undefined : { ...info, state: { kind: 'hot' } };
}
