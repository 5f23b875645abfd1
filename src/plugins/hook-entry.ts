/** A command that runs at an event. */
export interface HookEntry {
  /** Run with `sh -c`. */
  readonly run: string;
  /** Its whole process group is ended after this time; five minutes by default. */
  readonly timeoutMs?: number | undefined;
  /**
   * `fail`: an action does not begin where its `before` hook fails; the default for `before`. `warn`: it is only told of.
   * After an action there is nothing left to stop, so there a failure is always told of only.
   */
  readonly onError?: 'fail' | 'warn' | undefined;
}

/** Hooks by event, such as `backup.before`, in the order in which they run. */
export type HookTable = Readonly<Record<string, readonly HookEntry[]>>;

export const DEFAULT_HOOK_TIMEOUT_MS = 300_000;
