import type { ReadOptions } from '../storage.ts';

/** Options of a read that count what is handed over instead of being in its result. */
export function countingHandedOver(options: ReadOptions | undefined): {
  readonly options: ReadOptions | undefined;
  readonly bytes: () => number;
} {
  const onBytes = options?.onBytes;
  if (onBytes === undefined) return { options, bytes: () => 0 };
  let count = 0;
  const counting: ReadOptions = {
    ...options,
    onBytes: (bytes, position) => {
      count += bytes.length;
      return onBytes(bytes, position);
    },
  };
  return { options: counting, bytes: () => count };
}
