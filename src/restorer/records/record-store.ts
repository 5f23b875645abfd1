import { RecordReader } from './entry-record.ts';

const CHUNK = 0x1_0000_0000;

/** The records of a run, in the buffers they came in. A reference is one number: buffer and position. */
export class RecordStore {
  readonly #readers: RecordReader[] = [];

  /** Keeps a buffer and returns the reference of its first byte; add the position of a record to it. */
  add(bytes: Uint8Array): number {
    this.#readers.push(new RecordReader(bytes));
    return (this.#readers.length - 1) * CHUNK;
  }

  /** A reader at a record. */
  at(reference: number): RecordReader {
    const reader = this.#readers[Math.floor(reference / CHUNK)];
    if (reader === undefined) throw new Error(`no record ${reference}`);
    return reader.at(reference % CHUNK).clone();
  }
}
