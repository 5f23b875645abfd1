import type { JobRecords } from '../jobs.ts';
import type { RestoreRun } from '../restore-run.ts';

/** Collects the records of a job and the paths of their directories into few flat buffers. */
export class JobRecordsBuilder {
  readonly #run: RestoreRun;
  readonly #records: Uint8Array[] = [];
  readonly #offsets: number[] = [];
  readonly #paths = new Map<number, Uint8Array>();
  #length = 0;

  constructor(run: RestoreRun) {
    this.#run = run;
  }

  /** Adds a record and returns where it begins in the job's buffer. */
  add(reference: number): number {
    const record = this.#run.store.at(reference);
    const { directory, size } = record;
    if (!this.#paths.has(directory)) this.#paths.set(directory, this.#run.directories.path(directory));
    const offset = this.#length;
    this.#offsets.push(offset);
    this.#records.push(record.bytes.subarray(record.offset, record.offset + size));
    this.#length += size;
    return offset;
  }

  build(): JobRecords {
    const bytes = new Uint8Array(this.#length);
    for (const [at, record] of this.#records.entries()) bytes.set(record, this.#offsets[at]);
    return {
      bytes,
      offsets: Uint32Array.from(this.#offsets),
      directories: { numbers: Uint32Array.from(this.#paths.keys()), paths: [...this.#paths.values()] },
    };
  }
}
