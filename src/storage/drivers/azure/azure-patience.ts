import { CairnError } from '../../../base/errors.ts';
import { orAbort } from '../../../base/or-abort.ts';

/** What a request of the package is given: both end it where it does not go on. */
export interface AzureRequest {
  readonly abortSignal: AbortSignal;
  readonly onProgress: () => void;
}

/** The package itself waits for ever. As for other servers behind HTTP: the answer to a large upload takes its time. */
const STALL_MS = 300_000;

/** Watches requests: one on which no byte moves for too long is given up. */
export class AzurePatience {
  readonly request: AzureRequest;
  readonly #stallMs: number;
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(signal: AbortSignal | undefined, stallMs: number = STALL_MS) {
    this.#stallMs = stallMs;
    const stop = this.#stop.signal;
    this.request = {
      abortSignal: signal === undefined ? stop : AbortSignal.any([signal, stop]),
      onProgress: () => this.#timer?.refresh(),
    };
  }

  /** Runs what makes one request, or several. Throws `STORAGE_UNREACHABLE` where it stalls. */
  async watch<T>(work: (request: AzureRequest) => Promise<T>): Promise<T> {
    this.#timer = setTimeout(() => this.#stop.abort(noProgress(this.#stallMs)), this.#stallMs);
    try {
      return await orAbort(work(this.request), this.request.abortSignal);
    } catch (error) {
      // The package has an error of its own for an abort.
      throw this.#stop.signal.aborted ? this.#stop.signal.reason : error;
    } finally {
      clearTimeout(this.#timer);
    }
  }
}

function noProgress(stallMs: number): CairnError {
  const message = `Azure does not go on: no byte came or went in ${Math.ceil(stallMs / 1000)} s`;
  return new CairnError('STORAGE_UNREACHABLE', message, { retry: 'later', hint: 'Check the network.' });
}
