/** A command that runs around an action. */
export interface HookConfig {
  /** Run with `sh -c`. */
  readonly run: string;
  readonly timeoutMs: number;
  /** `fail`: where it fails, a `before` stops its action; `warn`, and after an action: it is only told of. */
  readonly onError: 'fail' | 'warn';
}

export type HookMoment = 'before' | 'done' | 'failed';

/** `backup.before` and the like. */
export type HookEvent = `${string}.${HookMoment}`;

/** The hooks of each event, in the order in which they run. */
export type HooksConfig = Readonly<Record<HookEvent, readonly HookConfig[]>>;
