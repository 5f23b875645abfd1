import { ID_SIZE } from '../../base/ids.ts';
import { CairnError } from '../../base/errors.ts';
import { utf8 } from '../../base/bytes.ts';
import { JsonBytes } from '../tree/json-bytes.ts';

const START = utf8('{"packs":[');
const PACK_ID = utf8('{"id":"');
const BLOBS = utf8('","blobs":[');
const DATA = utf8('","type":"data","offset":');
const TREE = utf8('","type":"tree","offset":');
const LENGTH = utf8(',"length":');
const PLAIN_LENGTH = utf8(',"uncompressed_length":');
const PACK_END = utf8(']}');
const END = utf8(']}\n');
const COMMA = 0x2c;
const CLOSE_BRACE = 0x7d;
/** More than a blob takes, keys and numbers included. */
const BLOB_BYTES = 200;

const RAW_ENTRY_SIZE = 5 + ID_SIZE;
const COMPRESSED_ENTRY_SIZE = 9 + ID_SIZE;

/** A stored pack as its writer knows it: binary id and the plaintext of its header. */
export interface PackWithHeader {
  readonly id: Uint8Array;
  readonly header: Uint8Array;
}

/**
 * Writes an index file pack by pack, straight from their headers: the same bytes as `encodeIndexFile` gives for the decoded
 * entries, without an object per blob. Each pack is written when it comes, while the workers fill the next.
 */
export class IndexEncoder {
  readonly #out = new JsonBytes();

  /** Throws `PACK_CORRUPT` for a header that is none; the file is of no use then. */
  add({ id, header }: PackWithHeader): void {
    const out = this.#out;
    const isFirst = out.size === 0;
    out.reserve(START.length + BLOB_BYTES);
    if (isFirst) out.raw(START);
    else out.byte(COMMA);
    out.raw(PACK_ID);
    out.hex(id, 0, ID_SIZE);
    out.raw(BLOBS);
    writeBlobs(out, header);
    out.reserve(PACK_END.length);
    out.raw(PACK_END);
  }

  /** The file; nothing may be added afterwards. */
  finish(): Uint8Array {
    const out = this.#out;
    out.reserve(START.length + END.length);
    if (out.size === 0) out.raw(START);
    out.raw(END);
    return out.view();
  }
}

/** Offsets are implied: the sum of the lengths before (restic's format, "Pack Format"). */
function writeBlobs(out: JsonBytes, header: Uint8Array): void {
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  let offset = 0;
  for (let at = 0; at < header.length;) {
    const type = header[at] ?? 0;
    const isCompressed = type >= 2;
    const size = isCompressed ? COMPRESSED_ENTRY_SIZE : RAW_ENTRY_SIZE;
    if (type > 3 || at + size > header.length)
      throw new CairnError('PACK_CORRUPT', 'the header of a new pack is damaged');
    const length = view.getUint32(at + 1, true);
    out.reserve(BLOB_BYTES);
    if (at > 0) out.byte(COMMA);
    out.raw(PACK_ID);
    out.hex(header, at + size - ID_SIZE, at + size);
    out.raw(type % 2 === 1 ? TREE : DATA);
    out.unsigned(offset);
    out.raw(LENGTH);
    out.unsigned(length);
    if (isCompressed) {
      out.raw(PLAIN_LENGTH);
      out.unsigned(view.getUint32(at + 5, true));
    }
    out.byte(CLOSE_BRACE);
    at += size;
    offset += length;
  }
}
