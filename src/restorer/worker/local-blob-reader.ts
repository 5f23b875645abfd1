import fs from 'node:fs';
import path from 'node:path';
import { CairnError } from '../../base/errors.ts';
import type { BlobIndex, BlobLocation } from '../../repository/index/blob-index.ts';
import { objectName } from '../../repository/layout.ts';
import { withRoom } from '../../base/bytes.ts';
import { readFully } from '../target/file-content.ts';

// Blobs of a pack lie one behind the other, so a small gap is cheaper to read than to step over.
const WINDOW = 4 * 1024 * 1024;
const MAX_GAP = 128 * 1024;
const NONE = -1;

/** Reads sealed blobs from pack files of this machine, ahead in windows. Keeps the last pack open. */
export class LocalBlobReader implements Disposable {
  readonly #folder: string;
  readonly #index: BlobIndex;
  #pack = NONE;
  #fd = NONE;
  #window: Uint8Array = new Uint8Array(256 * 1024);
  #windowStart = 0;
  #windowEnd = 0;

  constructor(folder: string, index: BlobIndex) {
    this.#folder = folder;
    this.#index = index;
  }

  /**
   * The sealed bytes of one blob, valid until the next call. `upcoming` are the blobs wanted next, by
   * ascending offset, which are read with it where they lie close. Throws `OBJECT_TRUNCATED` or the
   * system's error.
   */
  read(location: BlobLocation, upcoming: (position: number) => BlobLocation | undefined): Uint8Array {
    this.#use(location.packNumber);
    const { offset } = location;
    const end = offset + location.length;
    if (offset < this.#windowStart || end > this.#windowEnd) this.#fill(location, upcoming);
    if (end > this.#windowEnd) {
      const pack = this.#index.packId(location.packNumber);
      throw new CairnError('OBJECT_TRUNCATED', `${objectName('pack', pack)} ends before ${end}`);
    }
    return this.#window.subarray(offset - this.#windowStart, end - this.#windowStart);
  }

  [Symbol.dispose](): void {
    if (this.#fd !== NONE) fs.closeSync(this.#fd);
    this.#fd = NONE;
    this.#pack = NONE;
  }

  #use(pack: number): void {
    if (pack === this.#pack) return;
    this[Symbol.dispose]();
    this.#windowStart = 0;
    this.#windowEnd = 0;
    this.#fd = fs.openSync(path.join(this.#folder, objectName('pack', this.#index.packId(pack))), 'r');
    this.#pack = pack;
  }

  #fill(first: BlobLocation, upcoming: (position: number) => BlobLocation | undefined): void {
    let end = first.offset + first.length;
    for (let position = 0; ; position++) {
      const next = upcoming(position);
      if (next === undefined || next.packNumber !== this.#pack || next.offset < first.offset) break;
      const nextEnd = next.offset + next.length;
      if (next.offset - end > MAX_GAP || nextEnd - first.offset > WINDOW) break;
      end = Math.max(end, nextEnd);
    }
    this.#window = withRoom(this.#window, end - first.offset);
    this.#windowStart = first.offset;
    this.#windowEnd = first.offset + readFully(this.#fd, this.#window.subarray(0, end - first.offset), first.offset);
  }
}
