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

const GIGA = 1_000_000_000n;

/** Memory for one answer of statx(2), and its translation into the fields of `StatField`. */
export interface StatxBuffer {
  readonly memory: Uint8Array;
  store(out: BigInt64Array): void;
}

export function createStatxBuffer(): StatxBuffer {
  const memory = new Uint8Array(STATX_BYTES);
  const u16 = new Uint16Array(memory.buffer);
  const u32 = new Uint32Array(memory.buffer);
  const i64 = new BigInt64Array(memory.buffer);
  const timeNs = (offset: number): bigint => (i64[offset / 8] ?? 0n) * GIGA + BigInt(u32[(offset + 8) / 4] ?? 0);
  const deviceAt = (offset: number): bigint => makeDevice(u32[offset / 4] ?? 0, u32[offset / 4 + 1] ?? 0);

  return {
    memory,
    store: (out) => {
      out[StatField.mode] = BigInt(u16[14] ?? 0);
      out[StatField.device] = deviceAt(136);
      out[StatField.inode] = i64[4] ?? 0n;
      out[StatField.links] = BigInt(u32[4] ?? 0);
      out[StatField.uid] = BigInt(u32[5] ?? 0);
      out[StatField.gid] = BigInt(u32[6] ?? 0);
      out[StatField.rdev] = deviceAt(128);
      out[StatField.sizeBytes] = i64[5] ?? 0n;
      out[StatField.blocks] = i64[6] ?? 0n;
      out[StatField.atimeNs] = timeNs(64);
      out[StatField.mtimeNs] = timeNs(112);
      out[StatField.ctimeNs] = timeNs(96);
    },
  };
}

/** dev_t of the C library from its two parts, as makedev(3) packs them: 12 + 20 low bits in the middle, the rest above. */
export function makeDevice(major: number, minor: number): bigint {
  // Nearly every device fits 12 bits of major and 8 of minor, where the packing is a plain 32-bit number.
  if (major < 0x1000 && minor < 0x100) return BigInt((major << 8) | minor);
  const wideMajor = BigInt(major);
  const wideMinor = BigInt(minor);
  return (
    ((wideMajor & 0xfffff000n) << 32n) |
    ((wideMajor & 0xfffn) << 8n) |
    ((wideMinor & 0xffffff00n) << 12n) |
    (wideMinor & 0xffn)
  );
}
