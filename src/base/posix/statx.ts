import { HIGH_HALF, LOW_HALF } from '../half-words.ts';
import { StatField } from './posix.ts';

// struct statx of Linux (statx(2)), the same on every architecture, in machine byte order:
//
//   offset | size | field             offset | size | field
//        0 |    4 | mask                  40 |    8 | size
//       16 |    4 | nlink                 48 |    8 | blocks (512 bytes)
//       20 |    4 | uid                   64 |   16 | atime: i64 seconds, u32 nanoseconds, padding
//       24 |    4 | gid                   96 |   16 | ctime
//       28 |    2 | mode                 112 |   16 | mtime
//       32 |    8 | ino                  128 | 4, 4 | rdev major, minor
//                                        136 | 4, 4 | dev major, minor

/** Bytes of struct statx. */
const STATX_BYTES = 256;

/** STATX_BASIC_STATS: the fields that stat(2) has. */
export const STATX_BASIC = 0x7ff;

const GIGA = 1e9;
const TWO_16 = 0x1_0000;
const TWO_32 = 0x1_0000_0000;

/** Memory for one answer of statx(2), and its translation into the fields of `StatField`. */
export interface StatxBuffer {
  readonly memory: Uint8Array;
  store(out: BigInt64Array): void;
}

export function createStatxBuffer(): StatxBuffer {
  const memory = new Uint8Array(STATX_BYTES);
  const u16 = new Uint16Array(memory.buffer);
  const fields = new StatxFields(memory.buffer);
  return {
    memory,
    store: (out) => {
      fields.into(out);
      fields.putSmall(StatField.mode, u16[14] ?? 0);
      fields.putDevice(StatField.device, 136);
      fields.copy(StatField.inode, 32);
      fields.putU32(StatField.links, 16);
      fields.putU32(StatField.uid, 20);
      fields.putU32(StatField.gid, 24);
      fields.putDevice(StatField.rdev, 128);
      fields.copy(StatField.sizeBytes, 40);
      fields.copy(StatField.blocks, 48);
      fields.putTime(StatField.atimeNs, 64);
      fields.putTime(StatField.mtimeNs, 112);
      fields.putTime(StatField.ctimeNs, 96);
    },
  };
}

/**
 * Writes 64-bit fields in halves: as big integers a dozen of them take 0.5 µs once V8 has compiled this, and 5 µs before, which
 * is several times what the system takes to answer.
 */
class StatxFields {
  readonly #answer: Uint32Array;
  readonly #seconds: BigInt64Array;
  /** The halves of the arrays that fields are written to: a thread has few, and mostly uses one again. */
  readonly #halvesOf = new WeakMap<BigInt64Array, Uint32Array>();
  #out: BigInt64Array = new BigInt64Array(0);
  #halves: Uint32Array = new Uint32Array(0);

  constructor(answer: ArrayBuffer) {
    this.#answer = new Uint32Array(answer);
    this.#seconds = new BigInt64Array(answer);
  }

  into(out: BigInt64Array): void {
    if (out === this.#out) return;
    const halves = this.#halvesOf.get(out) ?? new Uint32Array(out.buffer, out.byteOffset, 2 * out.length);
    this.#halvesOf.set(out, halves);
    this.#out = out;
    this.#halves = halves;
  }

  putSmall(field: number, value: number): void {
    this.#halves[2 * field + LOW_HALF] = value;
    this.#halves[2 * field + HIGH_HALF] = 0;
  }

  putU32(field: number, offset: number): void {
    this.putSmall(field, this.#answer[offset / 4] ?? 0);
  }

  copy(field: number, offset: number): void {
    this.#halves[2 * field] = this.#answer[offset / 4] ?? 0;
    this.#halves[2 * field + 1] = this.#answer[offset / 4 + 1] ?? 0;
  }

  putDevice(field: number, offset: number): void {
    const major = this.#answer[offset / 4] ?? 0;
    const minor = this.#answer[offset / 4 + 1] ?? 0;
    if (isPlainDevice(major, minor)) this.putSmall(field, (major << 8) | minor);
    else this.#out[field] = makeDevice(major, minor);
  }

  /** Seconds and nanoseconds as nanoseconds. */
  putTime(field: number, offset: number): void {
    const seconds = this.#answer[offset / 4 + LOW_HALF] ?? 0;
    const nanoseconds = this.#answer[offset / 4 + 2] ?? 0;
    // Before 1970, and from 2106 on.
    if (this.#answer[offset / 4 + HIGH_HALF] !== 0) {
      this.#out[field] = (this.#seconds[offset / 8] ?? 0n) * BigInt(GIGA) + BigInt(nanoseconds);
      return;
    }
    // Multiplied in two parts, so that nothing exceeds the 53 bits of a number.
    const upper = Math.floor(seconds / TWO_16) * GIGA;
    const lower = (seconds % TWO_16) * GIGA + nanoseconds + (upper % TWO_16) * TWO_16;
    this.#halves[2 * field + LOW_HALF] = lower % TWO_32;
    this.#halves[2 * field + HIGH_HALF] = Math.floor(upper / TWO_16) + Math.floor(lower / TWO_32);
  }
}

/** Nearly every device fits 12 bits of major and 8 of minor, where the packing is a plain 32-bit number. */
function isPlainDevice(major: number, minor: number): boolean {
  return major < 0x1000 && minor < 0x100;
}

/** dev_t of the C library from its two parts, as makedev(3) packs them: 12 + 20 low bits in the middle, the rest above. */
export function makeDevice(major: number, minor: number): bigint {
  if (isPlainDevice(major, minor)) return BigInt((major << 8) | minor);
  const wideMajor = BigInt(major);
  const wideMinor = BigInt(minor);
  return (
    ((wideMajor & 0xfffff000n) << 32n) |
    ((wideMajor & 0xfffn) << 8n) |
    ((wideMinor & 0xffffff00n) << 12n) |
    (wideMinor & 0xffn)
  );
}
