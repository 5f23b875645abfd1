// Plaintext of the files that are not packs: index, snapshot, lock (restic's format, "Unpacked Data
// Format"). First byte 0x02: the rest is zstd; `{` or `[`: the JSON itself, as version 1 writes it.
import { withRoom } from '../base/bytes.ts';
import { CairnError } from '../base/errors.ts';
import type { Codec } from '../kernels/codec.ts';
import { zstdSizeBound } from './zstd-size.ts';

const COMPRESSED = 0x02;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
/** What takes most is hexadecimal ids. Level 1 packs them quicker than the usual level, and smaller: it finds no matches of five of their digits. */
const LEVEL = 1;
/** The largest documents, index files, have about 8 MiB; no honest one comes near this. */
const MAX_SIZE = 1024 * 1024 * 1024;

/** What is to be sealed for the document `json` in a repository of `version`. */
export function encodeUnpacked(codec: Codec, json: Uint8Array, version: 1 | 2): Uint8Array {
  if (version === 1) return json;
  // zstd's own bound: what does not shrink grows by at most 1/256 and some bytes.
  const dst = new Uint8Array(1 + json.length + (json.length >> 8) + 128);
  dst[0] = COMPRESSED;
  const size = codec.compressInto(json, dst.subarray(1), LEVEL);
  if (size === 0) throw new RangeError('compressed data larger than the bound of zstd');
  return dst.slice(0, 1 + size);
}

/** Memory for many documents, one after the other: first touches of new memory cost as much as zstd. */
export class UnpackedMemory {
  #opened: Uint8Array = new Uint8Array();
  #document: Uint8Array = new Uint8Array();

  /** Room for an opened file; what was there before is gone. */
  opened(sizeBytes: number): Uint8Array {
    this.#opened = withRoom(this.#opened, sizeBytes);
    return this.#opened.subarray(0, sizeBytes);
  }

  /** Room for the document in it; what was there before is gone. */
  document(sizeBytes: number): Uint8Array {
    this.#document = withRoom(this.#document, sizeBytes);
    return this.#document.subarray(0, sizeBytes);
  }
}

/**
 * The document in an opened file, in `memory` if that is given. Throws `FORMAT_INVALID` for an unknown encoding,
 * `COMPRESSION_INVALID`.
 */
export function decodeUnpacked(codec: Codec, plain: Uint8Array, memory?: UnpackedMemory): Uint8Array {
  const first = plain[0];
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return plain;
  if (first !== COMPRESSED) {
    throw new CairnError('FORMAT_INVALID', `the file has an unknown encoding (${first ?? 'it is empty'})`);
  }
  const data = plain.subarray(1);
  const bound = zstdSizeBound(data);
  if (bound > MAX_SIZE) {
    throw new CairnError('COMPRESSION_INVALID', `the document would take up to ${bound} bytes`);
  }
  const dst = memory?.document(bound) ?? new Uint8Array(bound);
  const size = codec.decompressInto(data, dst);
  if (memory !== undefined) return dst.subarray(0, size);
  // Do not keep a much larger buffer alive for a small document.
  return size * 2 < bound ? dst.slice(0, size) : dst.subarray(0, size);
}
