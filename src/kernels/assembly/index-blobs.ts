// Blobs of an index file, in the one form that restic, rustic and Cairn write. Anything else ends the run
// before it; src/formats/index-file/index-file.ts reads that.
import { readId } from './hex';
import { INDEX_BLOBS } from './layout';

const U32_MAX: u64 = 0xffffffff;
const ID_DIGITS: usize = 64;
const RECORD_BYTES: usize = 48;
const ID_BYTES: usize = 32;
const COMMA: u8 = 0x2c;
const CLOSE_BRACE: u8 = 0x7d;

// What stands between the values, as little-endian words that may overlap.
const ID_KEY: u64 = 0x223a226469227b; //                `{"id":"`
const TYPE_KEY: u64 = 0x2265707974222c22; //            `","type"` and
const TYPE_KEY_END: u16 = 0x223a; //                    `:"`
const DATA: u32 = 0x61746164; //                        `data`
const TREE: u32 = 0x65657274; //                        `tree`
const OFFSET_KEY: u64 = 0x657366666f222c22; //          `","offse` and
const OFFSET_KEY_END: u32 = 0x3a227465; //              `et":`
const LENGTH_KEY: u64 = 0x6874676e656c222c; //          `,"length` and
const LENGTH_KEY_END: u16 = 0x3a22; //                  `":`
const PLAIN_KEY: u64 = 0x706d6f636e75222c; //           `,"uncomp`,
const PLAIN_KEY_MIDDLE: u64 = 0x6c5f646573736572; //    `ressed_l` and
const PLAIN_KEY_END: u64 = 0x3a226874676e656c; //       `length":`
const NEXT_PACK: u64 = 0x226469227b2c7d5d; //           `]},{"id"` and
const NEXT_PACK_END: u16 = 0x223a; //                   `:"`
const BLOBS_KEY: u64 = 0x73626f6c62222c22; //           `","blobs` and
const BLOBS_KEY_END: u32 = 0x5b3a2273; //               `s":[`

/** The number that `readNumber` read. */
let number: u32 = 0;

/** Reads a number below 2^32 without leading zeros; where it ends, or 0 if there is none. */
function readNumber(at: usize): usize {
  const first = <u32>load<u8>(at) - 0x30;
  if (first > 9) return 0;
  let value = <u64>first;
  let next = at + 1;
  if (first != 0) {
    // An eleventh digit is not what has to follow a number, and neither is one behind a zero.
    for (const stop = at + 10; next < stop; next++) {
      const digit = <u32>load<u8>(next) - 0x30;
      if (digit > 9) break;
      value = value * 10 + digit;
    }
  }
  number = <u32>value;
  return value <= U32_MAX ? next : 0;
}

/** Reads one blob into a record; where it ends, or 0 if it is not of the form. */
function readBlob(at: usize, record: usize, pack: u32): usize {
  if ((load<u64>(at) & 0xffffffffffffff) != ID_KEY) return 0;
  if (!readId(at + 7, record)) return 0;
  at += 7 + ID_DIGITS;
  if (load<u64>(at) != TYPE_KEY || load<u16>(at, 8) != TYPE_KEY_END) return 0;
  const type = load<u32>(at, 10);
  if (type != DATA && type != TREE) return 0;
  if (load<u64>(at, 14) != OFFSET_KEY || load<u32>(at, 21) != OFFSET_KEY_END) return 0;
  at = readNumber(at + 25);
  if (at == 0) return 0;
  const offset = number;
  if (load<u64>(at) != LENGTH_KEY || load<u16>(at, 8) != LENGTH_KEY_END) return 0;
  at = readNumber(at + 10);
  if (at == 0) return 0;
  const length = number;
  let plain: u32 = 0;
  if (load<u8>(at) == COMMA) {
    if (load<u64>(at) != PLAIN_KEY || load<u64>(at, 8) != PLAIN_KEY_MIDDLE) return 0;
    if (load<u64>(at, 15) != PLAIN_KEY_END) return 0;
    at = readNumber(at + 23);
    if (at == 0) return 0;
    plain = number;
  }
  if (load<u8>(at) != CLOSE_BRACE) return 0;
  store<u32>(record, pack | (<u32>(type == TREE) << 31), 32);
  store<u32>(record, offset, 36);
  store<u32>(record, length, 40);
  store<u32>(record, plain, 44);
  return at + 1;
}

/** Reads the end of a pack and the begin of the next, up to its first blob; where that is, or 0. */
function readNextPack(at: usize, id: usize): usize {
  if (load<u64>(at) != NEXT_PACK || load<u16>(at, 8) != NEXT_PACK_END) return 0;
  if (!readId(at + 10, id)) return 0;
  at += 10 + ID_DIGITS;
  if (load<u64>(at) != BLOBS_KEY || load<u32>(at, 7) != BLOBS_KEY_END) return 0;
  return at + 11;
}

/**
 * Reads the blobs from `start` on, over the ends of packs, while they have the form and lie before `end`. Writes a record
 * for each, the ids of the packs that begin on the way, and to INDEX_BLOBS how many of both and where the last blob ends.
 */
export function indexBlobs(start: usize, end: usize, records: usize, packs: usize): void {
  let stop = start;
  let at = start;
  let record = records;
  let pack: u32 = 0;
  let packsTaken: u32 = 0;
  for (;;) {
    at = readBlob(at, record, pack);
    if (at == 0 || at > end) break;
    stop = at;
    record += RECORD_BYTES;
    packsTaken = pack;
    if (load<u8>(at) == COMMA) at++;
    else {
      at = readNextPack(at, packs + <usize>pack * ID_BYTES);
      if (at == 0) break;
      pack++;
    }
  }
  store<u32>(INDEX_BLOBS, <u32>((record - records) / RECORD_BYTES));
  store<u32>(INDEX_BLOBS, packsTaken, 4);
  store<u32>(INDEX_BLOBS, <u32>stop, 8);
}
