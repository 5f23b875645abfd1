import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: { readonly type: 'minor' }) => void;

let collect: Collect | undefined;

/**
 * Frees the memory of buffers that were dropped a moment ago. V8 lets it pile up to 64 MB before it looks, since it counts
 * objects and not what they hold; for work that goes through many buffers of short life this costs a millisecond a call.
 */
export function collectYoung(): void {
  collect ??= exposeCollector();
  collect({ type: 'minor' });
}

function exposeCollector(): Collect {
  setFlagsFromString('--expose-gc');
  const found: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  // V8 declares no type for its own function.
  return typeof found === 'function' ? (found as Collect) : () => {};
}
