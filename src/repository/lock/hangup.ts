// restic finds out whether a lock's process lives by sending it SIGHUP (internal/repository/lock: it relies
// on every restic process catching that signal). Node's default action is to exit, so a process that holds
// a lock must catch it, or `restic unlock` on the same host would kill a running backup.
let holders = 0;

const ignoreHangup = (): void => {};

/** Makes this process survive SIGHUP until the result is disposed. Calls nest. */
export function surviveHangup(): Disposable {
  if (holders++ === 0) process.on('SIGHUP', ignoreHangup);
  let held = true;
  return {
    [Symbol.dispose]: () => {
      if (!held) return;
      held = false;
      if (--holders === 0) process.off('SIGHUP', ignoreHangup);
    },
  };
}
