import type { RestoreProgress } from './restore-options.ts';

const INTERVAL_MS = 100;

/** Counts what is done and tells it about ten times a second. */
export class RestoreMeter {
  readonly #onProgress: ((progress: RestoreProgress) => void) | undefined;
  readonly #errors: () => number;
  #toldAt = 0;
  phase: RestoreProgress['phase'] = 'plan';
  files = 0;
  totalFiles = 0;
  skipped = 0;
  bytes = 0;
  totalBytes = 0;
  deleted = 0;

  constructor(onProgress: ((progress: RestoreProgress) => void) | undefined, errors: () => number) {
    this.#onProgress = onProgress;
    this.#errors = errors;
  }

  enter(phase: RestoreProgress['phase']): void {
    this.phase = phase;
    this.#toldAt = 0;
    this.tick();
  }

  tick(): void {
    if (this.#onProgress === undefined) return;
    const now = performance.now();
    if (this.#toldAt !== 0 && now - this.#toldAt < INTERVAL_MS) return;
    this.#toldAt = now;
    this.#onProgress({
      phase: this.phase,
      files: this.files + this.skipped,
      totalFiles: this.totalFiles,
      bytes: this.bytes,
      totalBytes: this.totalBytes,
      errors: this.#errors(),
    });
  }
}
