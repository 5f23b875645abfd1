import type { Storage } from '../../src/storage/storage.ts';

/** The same storage for several vaults, none of which closes it. */
export function sharedStorage(inner: Storage): Storage {
  return new Proxy(inner, {
    get: (target, key) => {
      if (key === Symbol.asyncDispose) return () => Promise.resolve();
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
