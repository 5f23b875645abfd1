// The status of running work on stderr: one line that is redrawn on a terminal, a line now and then elsewhere.
import type { Job, Progress } from '../../base/job.ts';
import { progressBarLine, progressLogLine } from './progress-line.ts';

const REDRAW_MS = 100;
/** Some terminals say that they have 0 columns, which means that they do not know. */
const DEFAULT_COLUMNS = 80;
const CLEAR_LINE = '\r\u001b[2K';
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';

export interface StatusStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export type StatusMode =
  | { readonly kind: 'bar'; readonly unicode: boolean }
  | { readonly kind: 'lines'; readonly everyMs: number }
  | { readonly kind: 'silent' };

/** Owns stderr: status lines and messages go through it, so that they do not overwrite each other. */
export class StatusDisplay {
  readonly #stream: StatusStream;
  readonly #mode: StatusMode;
  #line = '';

  constructor(stream: StatusStream, mode: StatusMode) {
    this.#stream = stream;
    this.#mode = mode;
  }

  get showsBar(): boolean {
    return this.#mode.kind === 'bar';
  }

  /** Prints whole lines; a status line is taken away first and drawn again below. */
  print(text: string): void {
    if (this.#line === '') {
      this.#stream.write(text);
      return;
    }
    this.#stream.write(`${CLEAR_LINE}${text}${this.#line}`);
  }

  /** Shows the progress of `job` until it ends, then returns its result. Dispose-safe: the cursor always comes back. */
  async follow<Result, P extends Progress>(
    job: Job<Result, P>,
    onStatusRequest: (listener: () => void) => Disposable,
  ): Promise<Result> {
    const started = performance.now();
    const elapsed = (): number => performance.now() - started;
    using _ = onStatusRequest(() => {
      if (job.progress !== undefined) this.print(`${progressLogLine(job.progress, elapsed())}\n`);
    });
    const timer = this.#startTimer(job, elapsed);
    try {
      return await job;
    } finally {
      clearInterval(timer);
      this.clear();
    }
  }

  /** Takes the status line away and shows the cursor. */
  clear(): void {
    if (this.#line === '') return;
    this.#line = '';
    this.#stream.write(`${CLEAR_LINE}${SHOW_CURSOR}`);
  }

  #startTimer(job: Job<unknown>, elapsed: () => number): NodeJS.Timeout | undefined {
    const mode = this.#mode;
    if (mode.kind === 'silent') return undefined;
    if (mode.kind === 'bar') return setInterval(() => this.#redraw(job.progress, mode.unicode), REDRAW_MS);
    return setInterval(() => {
      if (job.progress !== undefined) this.#stream.write(`${progressLogLine(job.progress, elapsed())}\n`);
    }, mode.everyMs);
  }

  #redraw(progress: Progress | undefined, unicode: boolean): void {
    if (progress === undefined) return;
    // The last column stays free: writing into it makes some terminals wrap.
    const width = Math.max(20, (this.#stream.columns || DEFAULT_COLUMNS) - 1);
    const line = progressBarLine(progress, width, { unicode });
    if (line === this.#line) return;
    this.#stream.write(`${this.#line === '' ? HIDE_CURSOR : ''}${CLEAR_LINE}${line}`);
    this.#line = line;
  }
}

const DEFAULT_LINE_MS = 10_000;

/**
 * A bar on a terminal that can move its cursor; off it a line every ten seconds, or as often as
 * CAIRN_PROGRESS_SECONDS says (0 = never); nothing for `--quiet` and `--json`.
 */
export function statusMode(
  stream: StatusStream,
  env: NodeJS.ProcessEnv,
  options: { readonly quiet: boolean; readonly json: boolean },
): StatusMode {
  if (options.quiet || options.json) return { kind: 'silent' };
  if (stream.isTTY === true && env['TERM'] !== 'dumb') return { kind: 'bar', unicode: hasUnicode(env) };
  const seconds = Number(env['CAIRN_PROGRESS_SECONDS'] ?? DEFAULT_LINE_MS / 1000);
  if (!Number.isFinite(seconds) || seconds <= 0) return { kind: 'silent' };
  return { kind: 'lines', everyMs: seconds * 1000 };
}

function hasUnicode(env: NodeJS.ProcessEnv): boolean {
  const locale = env['LC_ALL'] ?? env['LC_CTYPE'] ?? env['LANG'] ?? '';
  return /utf-?8/i.test(locale);
}
