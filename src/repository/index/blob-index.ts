// Which blob lies where, for the whole repository: one open-addressing table over shared memory,
// read and extended by all worker threads at once, with no JavaScript object per blob.
//
// A record has 48 bytes (src/kernels/blob-record.ts), with the number of the pack + 1 in it, 0 = not stored yet; a slot
// has 4; the table is filled to at most four fifths.
//
// A slot is 0 (free) or (fingerprint << 28 | record number + 1): the four bits of fingerprint spare
// most looks at records that are not meant. Slots are claimed with compare-and-exchange *after* the
// record's id is written, so a reader never sees a record without its id.
import { CairnError } from '../../base/errors.ts';
import { ID_SIZE, idFromBytes, type BlobId, type PackId } from '../../base/ids.ts';
import {
  LENGTH_WORD,
  OFFSET_WORD,
  PACK_MASK,
  PACK_WORD,
  PLAIN_WORD,
  RECORD_BYTES,
  RECORD_WORDS,
  TREE_BIT,
} from '../../kernels/blob-record.ts';

export const BLOB_TREE = 1;
export const BLOB_DATA = 0;
export type BlobTypeBit = 0 | 1;

const NUMBER_MASK = 0x0fffffff;
const FINGERPRINT_SHIFT = 28;
const MAX_LOAD = 0.8;

// Words of the header block.
const COUNT = 0;
const PACK_COUNT = 1;

/** The shared memory of an index; send it to a worker and attach there. */
export interface BlobIndexMemory {
  readonly header: SharedArrayBuffer;
  readonly records: SharedArrayBuffer;
  readonly slots: SharedArrayBuffer;
  readonly packs: SharedArrayBuffer;
}

/** Where one copy of a blob lies. */
export interface BlobLocation {
  readonly packNumber: number;
  readonly offset: number;
  readonly length: number;
  readonly uncompressedLength: number;
}

export interface BlobIndexCapacity {
  readonly blobs: number;
  readonly packs: number;
}

export class BlobIndex {
  readonly memory: BlobIndexMemory;
  readonly #header: Int32Array;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #slots: Int32Array;
  readonly #slotCount: number;
  readonly #packs: Uint8Array;
  readonly #capacity: number;

  /** A new index with room for that many blobs and packs. Memory that is not used is not touched. */
  static create(capacity: BlobIndexCapacity): BlobIndex {
    if (capacity.blobs >= NUMBER_MASK) {
      throw new CairnError('INDEX_FULL', `an index holds up to ${NUMBER_MASK} blobs, ${capacity.blobs} are wanted`);
    }
    const blobs = Math.max(16, capacity.blobs);
    return new BlobIndex({
      header: new SharedArrayBuffer(16),
      records: new SharedArrayBuffer(blobs * RECORD_BYTES),
      slots: new SharedArrayBuffer(Math.ceil(blobs / MAX_LOAD) * 4),
      packs: new SharedArrayBuffer(Math.max(16, capacity.packs) * ID_SIZE),
    });
  }

  constructor(memory: BlobIndexMemory) {
    this.memory = memory;
    this.#header = new Int32Array(memory.header);
    this.#words = new Int32Array(memory.records);
    this.#bytes = new Uint8Array(memory.records);
    this.#slots = new Int32Array(memory.slots);
    this.#slotCount = this.#slots.length;
    this.#packs = new Uint8Array(memory.packs);
    this.#capacity = Math.floor(memory.records.byteLength / RECORD_BYTES);
  }

  /** Number of records; a blob with several copies has several. */
  get size(): number {
    return Math.min(Atomics.load(this.#header, COUNT), this.#capacity);
  }

  get packCount(): number {
    return Atomics.load(this.#header, PACK_COUNT);
  }

  get capacity(): number {
    return this.#capacity;
  }

  /** Bytes of memory that the records, slots and pack ids in use take. */
  get usedBytes(): number {
    return this.size * RECORD_BYTES + this.#slots.byteLength + this.packCount * ID_SIZE;
  }

  /** Registers a pack and returns its number. The same id may be registered twice. */
  addPack(id: Uint8Array): number {
    const number = Atomics.add(this.#header, PACK_COUNT, 1);
    if ((number + 1) * ID_SIZE > this.#packs.length) {
      throw new CairnError('INDEX_FULL', `the index has room for ${this.#packs.length / ID_SIZE} packs`);
    }
    this.#packs.set(id.subarray(0, ID_SIZE), number * ID_SIZE);
    return number;
  }

  packId(packNumber: number): PackId {
    return idFromBytes<PackId>(this.#packs, packNumber * ID_SIZE);
  }

  /**
   * Claims a blob that is about to be stored: its record number if it is new, or -1 if another
   * thread or an earlier run has it. Exactly one caller gets the number.
   */
  claim(type: BlobTypeBit, id: Uint8Array): number {
    return this.#insert(type, id, 0, 0, 0, 0);
  }

  /** Says where a claimed blob was stored. Readers in other threads may see it from now on. */
  place(record: number, packNumber: number, offset: number, length: number, plain: number): void {
    const at = record * RECORD_WORDS;
    this.#words[at + OFFSET_WORD] = offset | 0;
    this.#words[at + LENGTH_WORD] = length | 0;
    this.#words[at + PLAIN_WORD] = plain | 0;
    const type = (this.#words[at + PACK_WORD] ?? 0) & TREE_BIT;
    Atomics.store(this.#words, at + PACK_WORD, type | (packNumber + 1));
  }

  /** Adds a blob whose place is known. A second copy of the same blob gets a record of its own. */
  add(type: BlobTypeBit, id: Uint8Array, packNumber: number, offset: number, length: number, plain: number): void {
    this.#insert(type, id, packNumber + 1, offset, length, plain);
  }

  /**
   * Adds blobs whose places are known, many at once: records as the index keeps them (src/kernels/blob-record.ts), but
   * with a position in `packNumbers` for the pack. Only while no other thread uses the index.
   */
  addRecords(records: Int32Array, packNumbers: readonly number[]): void {
    const first = this.size;
    const count = records.length / RECORD_WORDS;
    if (first + count > this.#capacity) throw this.#full();
    this.#words.set(records, first * RECORD_WORDS);
    this.#setPacks(first, count, packNumbers);
    this.#link(first, count);
    Atomics.add(this.#header, COUNT, count);
  }

  /** Whether the blob is stored, or claimed by a thread that is storing it. */
  has(type: BlobTypeBit, id: Uint8Array): boolean {
    return this.find(type, id) >= 0;
  }

  /** Number of the first record of this blob, or -1. */
  find(type: BlobTypeBit, id: Uint8Array, idOffset = 0): number {
    const words = readIdWords(id, idOffset);
    for (let slot = this.#home(words); ; slot = this.#next(slot)) {
      const value = Atomics.load(this.#slots, slot);
      if (value === 0) return -1;
      if (this.#matches(value, type, words)) return (value & NUMBER_MASK) - 1;
    }
  }

  /** Every stored copy of a blob, in no particular order. */
  locations(type: BlobTypeBit, id: Uint8Array): BlobLocation[] {
    const words = readIdWords(id, 0);
    const found: BlobLocation[] = [];
    for (let slot = this.#home(words); ; slot = this.#next(slot)) {
      const value = Atomics.load(this.#slots, slot);
      if (value === 0) return found;
      if (!this.#matches(value, type, words)) continue;
      const location = this.location((value & NUMBER_MASK) - 1);
      if (location !== undefined) found.push(location);
    }
  }

  /** Where the record's copy lies; `undefined` while it is only claimed. */
  location(record: number): BlobLocation | undefined {
    const at = record * RECORD_WORDS;
    const pack = Atomics.load(this.#words, at + PACK_WORD) & PACK_MASK;
    if (pack === 0) return undefined;
    return {
      packNumber: pack - 1,
      offset: (this.#words[at + OFFSET_WORD] ?? 0) >>> 0,
      length: (this.#words[at + LENGTH_WORD] ?? 0) >>> 0,
      uncompressedLength: (this.#words[at + PLAIN_WORD] ?? 0) >>> 0,
    };
  }

  blobType(record: number): BlobTypeBit {
    return (this.#words[record * RECORD_WORDS + PACK_WORD] ?? 0) & TREE_BIT ? BLOB_TREE : BLOB_DATA;
  }

  /** 1 for each pack, by its number, that holds a tree. */
  treePacks(): Uint8Array {
    const holdsTree = new Uint8Array(this.packCount);
    const words = this.#words;
    const end = this.size * RECORD_WORDS;
    for (let at = PACK_WORD; at < end; at += RECORD_WORDS) {
      const word = words[at] ?? 0;
      // The type is the sign. What is only claimed has no pack, and sets nothing.
      if (word < 0) holdsTree[(word & PACK_MASK) - 1] = 1;
    }
    return holdsTree;
  }

  /** For each pack, by its number, where the last blob of it ends that is known. */
  packEnds(): Float64Array {
    const ends = new Float64Array(this.packCount);
    const words = this.#words;
    const end = this.size * RECORD_WORDS;
    for (let at = 0; at < end; at += RECORD_WORDS) {
      const pack = ((words[at + PACK_WORD] ?? 0) & PACK_MASK) - 1;
      const blobEnd = ((words[at + OFFSET_WORD] ?? 0) >>> 0) + ((words[at + LENGTH_WORD] ?? 0) >>> 0);
      if (pack >= 0 && blobEnd > (ends[pack] ?? 0)) ends[pack] = blobEnd;
    }
    return ends;
  }

  /** A copy that knows nothing of the blobs in these packs; numbers of packs stay what they were. Only while no other thread writes. */
  without(packNumbers: ReadonlySet<number>): BlobIndex {
    const rest = BlobIndex.create({ blobs: this.#capacity, packs: this.#packs.length / ID_SIZE });
    rest.#packs.set(this.#packs);
    rest.#header[PACK_COUNT] = this.packCount;
    for (let record = 0; record < this.size; record++) {
      const at = this.location(record);
      if (at === undefined || packNumbers.has(at.packNumber)) continue;
      rest.add(this.blobType(record), this.idBytes(record), at.packNumber, at.offset, at.length, at.uncompressedLength);
    }
    return rest;
  }

  blobId(record: number): BlobId {
    return idFromBytes<BlobId>(this.#bytes, record * RECORD_BYTES);
  }

  /** The 32 id bytes of a record, as a view on the shared memory. */
  idBytes(record: number): Uint8Array {
    return this.#bytes.subarray(record * RECORD_BYTES, record * RECORD_BYTES + ID_SIZE);
  }

  /** Copies everything into an index of more room. Only while no other thread writes. */
  grown(capacity: BlobIndexCapacity): BlobIndex {
    const larger = BlobIndex.create(capacity);
    larger.#packs.set(this.#packs.subarray(0, this.packCount * ID_SIZE));
    larger.#header[PACK_COUNT] = this.packCount;
    larger.#bytes.set(this.#bytes.subarray(0, this.size * RECORD_BYTES));
    larger.#header[COUNT] = this.size;
    larger.#link(0, this.size);
    return larger;
  }

  #insert(type: BlobTypeBit, id: Uint8Array, pack: number, offset: number, length: number, plain: number): number {
    const words = readIdWords(id, 0);
    const claiming = pack === 0;
    let record = -1;
    for (let slot = this.#home(words); ;) {
      const value = Atomics.load(this.#slots, slot);
      if (value !== 0) {
        // A claim that finds the blob is done, and gives back the record it may have taken: it stays
        // unlinked, which costs 48 bytes and happens only when two threads meet over one blob.
        if (claiming && this.#matches(value, type, words)) return -1;
        slot = this.#next(slot);
        continue;
      }
      if (record < 0) record = this.#newRecord(type, words, pack, offset, length, plain);
      const entry = ((words[1] & 0xf) << FINGERPRINT_SHIFT) | (record + 1);
      if (Atomics.compareExchange(this.#slots, slot, 0, entry) === 0) return record;
    }
  }

  #newRecord(type: BlobTypeBit, id: IdWords, pack: number, offset: number, length: number, plain: number): number {
    const record = Atomics.add(this.#header, COUNT, 1);
    if (record >= this.#capacity) throw this.#full();
    const at = record * RECORD_WORDS;
    for (let i = 0; i < 8; i++) this.#words[at + i] = id[i] ?? 0;
    this.#words[at + OFFSET_WORD] = offset | 0;
    this.#words[at + LENGTH_WORD] = length | 0;
    this.#words[at + PLAIN_WORD] = plain | 0;
    Atomics.store(this.#words, at + PACK_WORD, (type === BLOB_TREE ? TREE_BIT : 0) | pack);
    return record;
  }

  #setPacks(first: number, count: number, packNumbers: readonly number[]): void {
    const words = this.#words;
    const end = (first + count) * RECORD_WORDS;
    for (let at = first * RECORD_WORDS + PACK_WORD; at < end; at += RECORD_WORDS) {
      const word = words[at] ?? 0;
      words[at] = (word & TREE_BIT) | ((packNumbers[word & PACK_MASK] ?? 0) + 1);
    }
  }

  #link(first: number, count: number): void {
    // Plain loops over locals: this is the first thing a command does, in V8's interpreter.
    const words = this.#words;
    const slots = this.#slots;
    const slotCount = this.#slotCount;
    for (let record = first; record < first + count; record++) {
      const at = record * RECORD_WORDS;
      let slot = homeSlot(words[at] ?? 0, slotCount);
      while (slots[slot] !== 0) slot = slot + 1 === slotCount ? 0 : slot + 1;
      slots[slot] = (((words[at + 1] ?? 0) & 0xf) << FINGERPRINT_SHIFT) | (record + 1);
    }
  }

  #full(): CairnError {
    return new CairnError('INDEX_FULL', `the index has room for ${this.#capacity} blobs`);
  }

  #matches(value: number, type: BlobTypeBit, id: IdWords): boolean {
    if (value >>> FINGERPRINT_SHIFT !== (id[1] & 0xf)) return false;
    const at = ((value & NUMBER_MASK) - 1) * RECORD_WORDS;
    for (let i = 0; i < 8; i++) if (this.#words[at + i] !== id[i]) return false;
    return (this.#words[at + PACK_WORD] ?? 0) < 0 === (type === BLOB_TREE);
  }

  #home(id: IdWords): number {
    return homeSlot(id[0], this.#slotCount);
  }

  #next(slot: number): number {
    return slot + 1 === this.#slotCount ? 0 : slot + 1;
  }
}

/** Ids are uniform, so their first word scaled to the table is the hash. */
function homeSlot(firstWord: number, slotCount: number): number {
  return ((firstWord >>> 1) * (slotCount / 0x8000_0000)) | 0;
}

type IdWords = Int32Array & { readonly 0: number; readonly 1: number };

const idWords = new Int32Array(8) as IdWords;
const idWordBytes = new Uint8Array(idWords.buffer);

/** The id as eight words, in a scratch array that the next call overwrites. */
function readIdWords(id: Uint8Array, offset: number): IdWords {
  for (let i = 0; i < ID_SIZE; i++) idWordBytes[i] = id[offset + i] ?? 0;
  return idWords;
}
