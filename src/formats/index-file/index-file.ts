// Index files: `{"packs":[{"id":…,"blobs":[{"id":…,"type":"data","offset":0,"length":38,
// "uncompressed_length":511}]}]}` and a newline (restic's format, "Indexing"). `length` is of the sealed
// blob; `uncompressed_length` is absent for blobs stored as they are.
//
// A repository of a million blobs has 160 MB of this, read on every start, so the decoder walks the bytes
// and makes no object for a blob. Keys may come in any order; unknown ones (`supersedes` of old restic,
// `packs_to_delete`, `time`, `size` of rustic) are skipped.
import { CairnError, hasCode, messageOf } from '../../base/errors.ts';
import type { PackId } from '../../base/ids.ts';
import { ID_SIZE } from '../../base/ids.ts';
import { JsonReader } from '../json-reader.ts';
import { KeyTable } from '../key-table.ts';
import type { PackEntry } from '../pack/pack-header.ts';
import type { BlobRun, BlobRunReader } from './blob-runs.ts';
import { readHexId } from './hex-id.ts';

/** Receives what an index file lists. Ids are 32 bytes, borrowed: valid only during the call. */
export interface IndexSink {
  /** The blobs that follow are in this pack. */
  pack(id: Uint8Array): void;
  /** `type` 0 = data, 1 = tree. Sizes and offset in bytes, all below 2^32; `uncompressedLength` 0 = stored raw. */
  blob(type: 0 | 1, id: Uint8Array, offset: number, length: number, uncompressedLength: number): void;
  /** What `pack` and `blob` would be told of these, for those who can take many at once. */
  run?(run: BlobRun): void;
}

const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const U32_MAX = 0xffff_ffff;

const blobKeys = new KeyTable(['id', 'type', 'offset', 'length', 'uncompressed_length']);
const blobTypes = new KeyTable(['data', 'tree']);
const ALL_REQUIRED = 0b1111;

/**
 * Passes everything the index lists to `sink`, in runs where `runs` is given and the sink takes them. Throws
 * `INDEX_CORRUPT`; the sink may then have received a part of it already.
 */
export function decodeIndexFile(json: Uint8Array, sink: IndexSink, runs?: BlobRunReader): void {
  const decoder = new IndexDecoder(json, sink, sink.run === undefined ? undefined : runs);
  try {
    decoder.run();
  } catch (error) {
    if (!hasCode(error, 'FORMAT_INVALID')) throw error;
    const isOldForm = json[0] === OPEN_BRACKET;
    throw new CairnError('INDEX_CORRUPT', `the index file is damaged: ${messageOf(error)}`, {
      cause: error,
      ...(isOldForm ? { hint: 'This is the index format of restic 0.1, which is not supported.' } : {}),
    });
  }
}

class IndexDecoder {
  readonly #reader: JsonReader;
  readonly #sink: IndexSink;
  readonly #packId = new Uint8Array(ID_SIZE);
  readonly #blobId = new Uint8Array(ID_SIZE);
  readonly #runs: BlobRunReader | undefined;

  constructor(json: Uint8Array, sink: IndexSink, runs: BlobRunReader | undefined) {
    this.#reader = new JsonReader(json);
    this.#sink = sink;
    this.#runs = runs;
    runs?.open(json);
  }

  run(): void {
    const reader = this.#reader;
    let hasPacks = false;
    reader.object((key) => {
      if (key !== 'packs') {
        reader.skip();
        return;
      }
      if (hasPacks) reader.fail('"packs" comes twice');
      hasPacks = true;
      if (!reader.acceptNull()) reader.array(() => this.#readPack());
    });
    reader.end();
  }

  #readPack(): void {
    const reader = this.#reader;
    let hasId = false;
    let hasBlobs = false;
    let blobsAt = -1;
    reader.object((key) => {
      if (key === 'id') {
        if (hasId) reader.fail('a pack has two ids');
        hasId = true;
        this.#readId(this.#packId);
        this.#sink.pack(this.#packId);
      } else if (key === 'blobs') {
        if (hasBlobs) reader.fail('a pack has two lists of blobs');
        hasBlobs = true;
        if (hasId) this.#readBlobs();
        else {
          // The pack's id is yet to come: remember the place and come back.
          reader.peek();
          blobsAt = reader.at;
          reader.skip();
        }
      } else reader.skip();
    });
    if (!hasId) reader.fail('a pack without id');
    if (blobsAt < 0) return;
    const end = reader.at;
    reader.at = blobsAt;
    this.#readBlobs();
    reader.at = end;
  }

  #readBlobs(): void {
    const reader = this.#reader;
    const runs = this.#runs;
    if (reader.acceptNull()) return;
    reader.array(() => {
      if (runs === undefined || !this.#readRun(runs)) this.#readBlob();
    });
  }

  /**
   * Reads as many blobs as have the usual form; whether there was one. It may end in the list of another pack: all that
   * is known of a pack inside its list, that it has an id and a list, is as true of that one. Nor does it leave a list
   * that is come back to, behind which an id stands.
   */
  #readRun(runs: BlobRunReader): boolean {
    const run = runs.read(this.#reader.at);
    if (run === undefined) return false;
    this.#reader.at = runs.end;
    this.#sink.run?.(run);
    return true;
  }

  #readBlob(): void {
    const reader = this.#reader;
    let type = 0;
    let offset = 0;
    let length = 0;
    let uncompressedLength = 0;
    let seen = 0;
    let hint = 0;
    reader.expect(OPEN_BRACE);
    do {
      reader.rawString();
      const key = blobKeys.find(reader.bytes, reader.stringStart, reader.stringEnd, hint);
      reader.expect(COLON);
      hint = key + 1;
      if (key >= 0) seen |= 1 << key;
      switch (key) {
        case 0:
          this.#readId(this.#blobId);
          break;
        case 1:
          type = this.#readType();
          break;
        case 2:
          offset = reader.unsigned(U32_MAX);
          break;
        case 3:
          length = reader.unsigned(U32_MAX);
          break;
        case 4:
          uncompressedLength = reader.acceptNull() ? 0 : reader.unsigned(U32_MAX);
          break;
        default:
          reader.skip();
      }
    } while (reader.accept(COMMA));
    reader.expect(CLOSE_BRACE);
    if ((seen & ALL_REQUIRED) !== ALL_REQUIRED) reader.fail('a blob lacks a field');
    this.#sink.blob(type === 0 ? 0 : 1, this.#blobId, offset, length, uncompressedLength);
  }

  #readType(): number {
    const reader = this.#reader;
    reader.rawString();
    const type = blobTypes.find(reader.bytes, reader.stringStart, reader.stringEnd, 0);
    return type >= 0 ? type : reader.fail('unknown blob type');
  }

  #readId(out: Uint8Array): void {
    const reader = this.#reader;
    reader.rawString();
    if (!readHexId(reader.bytes, reader.stringStart, reader.stringEnd, out)) reader.fail('not an id');
  }
}

/** The index file that lists `packs`, in their order. */
export function encodeIndexFile(packs: Iterable<{ id: PackId; blobs: readonly PackEntry[] }>): Uint8Array {
  const parts: Buffer[] = [];
  let separator = '{"packs":[';
  for (const { id, blobs } of packs) {
    // All text is ASCII, and a string per pack keeps far below V8's limit.
    parts.push(Buffer.from(`${separator}{"id":"${id}","blobs":[${blobs.map(encodeBlob).join(',')}]}`, 'latin1'));
    separator = ',';
  }
  parts.push(Buffer.from(parts.length === 0 ? '{"packs":[]}\n' : ']}\n', 'latin1'));
  return Buffer.concat(parts);
}

function encodeBlob(blob: PackEntry): string {
  const size = blob.uncompressedLength === 0 ? '' : `,"uncompressed_length":${blob.uncompressedLength}`;
  return `{"id":"${blob.id}","type":"${blob.type}","offset":${blob.offset},"length":${blob.length}${size}}`;
}
