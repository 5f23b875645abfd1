import type { Source } from '../../archiver/source.ts';
import type { Progress } from '../../base/job.ts';
import { scanSource } from '../../sources/files/scan-source.ts';
import { RateMeter } from './rate-meter.ts';

/** How far an action is with its source. */
interface SourceState {
  readonly phase: string;
  readonly bytes: number;
  readonly files: number;
  readonly currentPath: string;
  readonly errors: number;
}

/** Progress through a source, with totals where a scan beside it finds them. */
export class SourceProgress implements AsyncDisposable {
  readonly #report: (progress: Progress) => void;
  readonly #meter = new RateMeter();
  readonly #stop = new AbortController();
  readonly #scan: Promise<void>;
  #totals: { readonly files: number; readonly bytes: number } | undefined;

  constructor(source: Source, report: (progress: Progress) => void, estimate: boolean) {
    this.#report = report;
    this.#scan = estimate ? this.#count(source) : Promise.resolve();
  }

  update(state: SourceState): void {
    this.#meter.note(state.bytes);
    const totals = this.#totals;
    const { rate } = this.#meter;
    const etaMs = this.#meter.etaMs(state.bytes, totals?.bytes);
    this.#report({
      phase: state.phase,
      completed: state.bytes,
      total: totals?.bytes,
      unit: 'bytes',
      description: state.currentPath,
      bytes: state.bytes,
      files: state.files,
      errors: state.errors,
      ...(totals === undefined ? {} : { totalBytes: totals.bytes, totalFiles: totals.files }),
      ...(rate === undefined ? {} : { rate }),
      ...(etaMs === undefined ? {} : { etaMs }),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#scan;
  }

  async #count(source: Source): Promise<void> {
    try {
      this.#totals = await scanSource(source, { signal: this.#stop.signal });
    } catch {
      // Only an estimate; the backup itself reports what is wrong with the source.
    }
  }
}
