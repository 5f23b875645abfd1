// Which blob lies where, for the whole repository: one open-addressing table over shared memory,
// read and extended by all worker threads at once, with no JavaScript object per blob.
//
// A record has 48 bytes; a slot 4; the table is filled to at most four fifths:
//   0 | 32 | id          SHA-256 of the plaintext
//  32 |  4 | pack        bits 0–29 number of the pack + 1, 0 = not stored yet; bit 31 blob type (1 = tree)
//  36 |  4 | offset      bytes from the start of the pack
//  40 |  4 | length      sealed bytes
//  44 |  4 | plain       bytes before compression, 0 = stored raw
//
// A slot is 0 (free) or (fingerprint << 28 | record number + 1): the four bits of fingerprint spare
// most looks at records that are not meant. Slots are claimed with compare-and-exchange *after* the
// record's id is written, so a reader never sees a record without its id.
import { CairnError } from '../../base/errors.ts';
import { ID_SIZE, idFromBytes, type BlobId, type PackId } from '../../base/ids.ts';

export const BLOB_TREE = 1;
export const BLOB_DATA = 0;
export type BlobTypeBit = 0 | 1;

const RECORD_SIZE = 48;
const WORDS_PER_RECORD = RECORD_SIZE / 4;
const NUMBER_MASK = 0x0fffffff;
const FINGERPRINT_SHIFT = 28;
const TYPE_BIT = 0x80000000;
const PACK_MASK = 0x3fffffff;
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
  readonly #slotMask: number;
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
      records: new SharedArrayBuffer(blobs * RECORD_SIZE),
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
    this.#slotMask = this.#slots.length;
    this.#packs = new Uint8Array(memory.packs);
    this.#capacity = Math.floor(memory.records.byteLength / RECORD_SIZE);
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
    return this.size * RECORD_SIZE + this.#slots.byteLength + this.packCount * ID_SIZE;
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
    const at = record * WORDS_PER_RECORD;
    this.#words[at + 9] = offset | 0;
    this.#words[at + 10] = length | 0;
    this.#words[at + 11] = plain | 0;
    const type = (this.#words[at + 8] ?? 0) & TYPE_BIT;
    Atomics.store(this.#words, at + 8, type | (packNumber + 1));
  }

  /** Adds a blob whose place is known. A second copy of the same blob gets a record of its own. */
  add(type: BlobTypeBit, id: Uint8Array, packNumber: number, offset: number, length: number, plain: number): void {
    this.#insert(type, id, packNumber + 1, offset, length, plain);
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
    const at = record * WORDS_PER_RECORD;
    const pack = Atomics.load(this.#words, at + 8) & PACK_MASK;
    if (pack === 0) return undefined;
    return {
      packNumber: pack - 1,
      offset: (this.#words[at + 9] ?? 0) >>> 0,
      length: (this.#words[at + 10] ?? 0) >>> 0,
      uncompressedLength: (this.#words[at + 11] ?? 0) >>> 0,
    };
  }

  blobType(record: number): BlobTypeBit {
    return (this.#words[record * WORDS_PER_RECORD + 8] ?? 0) & TYPE_BIT ? BLOB_TREE : BLOB_DATA;
  }

  blobId(record: number): BlobId {
    return idFromBytes<BlobId>(this.#bytes, record * RECORD_SIZE);
  }

  /** The 32 id bytes of a record, as a view on the shared memory. */
  idBytes(record: number): Uint8Array {
    return this.#bytes.subarray(record * RECORD_SIZE, record * RECORD_SIZE + ID_SIZE);
  }

  /** Copies everything into an index of more room. Only while no other thread writes. */
  grown(capacity: BlobIndexCapacity): BlobIndex {
    const larger = BlobIndex.create(capacity);
    larger.#packs.set(this.#packs.subarray(0, this.packCount * ID_SIZE));
    larger.#header[PACK_COUNT] = this.packCount;
    larger.#bytes.set(this.#bytes.subarray(0, this.size * RECORD_SIZE));
    larger.#header[COUNT] = this.size;
    for (let record = 0; record < this.size; record++) larger.#link(record);
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
    if (record >= this.#capacity) {
      throw new CairnError('INDEX_FULL', `the index has room for ${this.#capacity} blobs`);
    }
    const at = record * WORDS_PER_RECORD;
    for (let i = 0; i < 8; i++) this.#words[at + i] = id[i] ?? 0;
    this.#words[at + 9] = offset | 0;
    this.#words[at + 10] = length | 0;
    this.#words[at + 11] = plain | 0;
    Atomics.store(this.#words, at + 8, (type === BLOB_TREE ? TYPE_BIT : 0) | pack);
    return record;
  }

  #link(record: number): void {
    const id = readIdWords(this.#bytes, record * RECORD_SIZE);
    let slot = this.#home(id);
    while (this.#slots[slot] !== 0) slot = this.#next(slot);
    this.#slots[slot] = ((id[1] & 0xf) << FINGERPRINT_SHIFT) | (record + 1);
  }

  #matches(value: number, type: BlobTypeBit, id: IdWords): boolean {
    if (value >>> FINGERPRINT_SHIFT !== (id[1] & 0xf)) return false;
    const at = ((value & NUMBER_MASK) - 1) * WORDS_PER_RECORD;
    for (let i = 0; i < 8; i++) if (this.#words[at + i] !== id[i]) return false;
    return (this.#words[at + 8] ?? 0) < 0 === (type === BLOB_TREE);
  }

  /** Ids are uniform, so their first word scaled to the table is the hash. */
  #home(id: IdWords): number {
    return Math.floor(((id[0] >>> 0) / 0x1_0000_0000) * this.#slotMask);
  }

  #next(slot: number): number {
    return slot + 1 === this.#slotMask ? 0 : slot + 1;
  }
}

type IdWords = Int32Array & { readonly 0: number; readonly 1: number };

const idWords = new Int32Array(8) as IdWords;
const idWordBytes = new Uint8Array(idWords.buffer);

/** The id as eight words, in a scratch array that the next call overwrites. */
function readIdWords(id: Uint8Array, offset: number): IdWords {
  for (let i = 0; i < ID_SIZE; i++) idWordBytes[i] = id[offset + i] ?? 0;
  return idWords;
}
