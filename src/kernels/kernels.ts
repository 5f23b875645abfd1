// The hot loops, compiled from src/kernels/assembly to WebAssembly. Each has a twin in plain
// TypeScript (src/kernels/twins) that tests compare it to.
import { readFileSync } from 'node:fs';
import { CairnError } from '../base/errors.ts';
import { packageFile } from '../base/package-files.ts';
import { gearTable } from './gear-table.ts';
import { rabinTables } from './rabin-tables.ts';
import { scratchLayout } from './scratch.ts';

/** Bytes at the start of a kernel memory that belong to the kernels; data starts here. */
export const KERNEL_SCRATCH_BYTES: number = 65_536;

/** More than a blob and the begin of a pack take in an index file. */
export const INDEX_BLOBS_SLACK = 512;

const PAGE = 65_536;
const MEMORY_LIMIT = 65_536 * PAGE;

/** Kernels over one memory. All positions and lengths are byte offsets into it. */
export interface Kernels {
  readonly memory: WebAssembly.Memory;
  /** All of the memory. The buffer is shared and never grows. */
  readonly bytes: Uint8Array;
  /**
   * The end of the gear chunk that starts at `start`; the data is memory[start, end). Either at least
   * 8 MiB are there, or the data ends at `end`. Returns `end` if the rest is one chunk.
   */
  gearCut(start: number, end: number): number;
  /** The same for restic's Rabin chunker. Call `setPolynomial` first. */
  rabinCut(start: number, end: number): number;
  /** Computes the tables of `rabinCut`; a polynomial of degree 53. */
  setPolynomial(polynomial: bigint): void;
  /** Writes the tag of memory[offset, offset + length) under r ‖ s to `mac16`. Clamps r itself. */
  poly1305(offset: number, length: number, key32: Uint8Array, mac16: Uint8Array): void;
  /** memory[target + i] ^= memory[source + i]. The ranges are equal or do not overlap. */
  xor(target: number, source: number, length: number): void;
  /**
   * Reads blobs of an index file from `start` on, over the ends of packs, while they have the form that restic writes
   * and lie before `end`. Writes records (blob-record.ts) from `records` on, a multiple of 16, and the 32-byte ids of
   * the packs that begin on the way from `packs` on. Looks at up to `INDEX_BLOBS_SLACK` bytes behind `end`.
   */
  indexBlobs(start: number, end: number, records: number, packs: number): IndexBlobs;
  /**
   * Steps `from` to `to` of the 2n of scrypt's ROMix of cost `n`, a power of two, over a lane of (n + 2) · 128r bytes
   * at `lane`; its block of 128r bytes, before and after, is at `lane` + n · 128r.
   */
  scryptMix(lane: number, r: number, n: number, from: number, to: number): void;
  /** The same for three lanes, one behind the other. */
  scryptMixThree(lane: number, r: number, n: number, from: number, to: number): void;
  /** Scans a tree, or a part of one, into entry records: as the block at `block` says (tree-scan.ts). */
  scanTree(block: number): void;
}

/** What `indexBlobs` read. */
export interface IndexBlobs {
  /** Number of records. In the pack's place they have 0 for blobs of the pack at `start`, n for those of the nth new one. */
  readonly blobs: number;
  /** Number of packs that begin on the way. */
  readonly packs: number;
  /** Behind the last blob that was read; `start` if there is none. */
  readonly stop: number;
}

interface KernelExports {
  gearCut(start: number, end: number): number;
  rabinCut(start: number, end: number): number;
  poly1305(offset: number, length: number): void;
  xor(target: number, source: number, length: number): void;
  indexBlobs(start: number, end: number, records: number, packs: number): void;
  scryptMix(lane: number, r: number, n: number, from: number, to: number): void;
  scryptMixThree(lane: number, r: number, n: number, from: number, to: number): void;
  scanTree(block: number): void;
}

/**
 * Kernels with a memory of their own: `KERNEL_SCRATCH_BYTES` for tables, then `dataBytes` (rounded up
 * to 64 KiB). Synchronous; one per thread. Throws `KERNEL_UNAVAILABLE`.
 */
export function createKernels(options: { dataBytes: number }): Kernels {
  const pages = Math.ceil((KERNEL_SCRATCH_BYTES + options.dataBytes) / PAGE);
  if (!(options.dataBytes >= 0) || pages * PAGE >= MEMORY_LIMIT) {
    throw new CairnError('KERNEL_UNAVAILABLE', `a kernel memory of ${options.dataBytes} bytes cannot be made`);
  }
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const instance = new WebAssembly.Instance(kernelModule(), { env: { memory } });
  // SAFETY: the module is built from assembly/ with these exports; tests hold each to its twin.
  return kernelsOver(memory, instance.exports as KernelExports);
}

function kernelsOver(memory: WebAssembly.Memory, wasm: KernelExports): Kernels {
  const bytes = new Uint8Array(memory.buffer);
  const { poly1305Key, poly1305Tag } = scratchLayout;
  const key = bytes.subarray(poly1305Key, poly1305Key + 32);
  const tag = bytes.subarray(poly1305Tag, poly1305Tag + 16);
  const found = new Uint32Array(memory.buffer, scratchLayout.indexBlobs, 3);
  let hasGearTable = false;
  return {
    memory,
    bytes,
    gearCut(start, end) {
      // Most threads cut nothing.
      if (!hasGearTable) tableAt(memory, scratchLayout.gearTable).set(gearTable());
      hasGearTable = true;
      // WebAssembly gives a signed 32-bit number; the memory may be larger than 2 GiB.
      return wasm.gearCut(start, end) >>> 0;
    },
    rabinCut: (start, end) => wasm.rabinCut(start, end) >>> 0,
    setPolynomial(polynomial) {
      const tables = rabinTables(polynomial);
      tableAt(memory, scratchLayout.rabinOut).set(tables.out);
      tableAt(memory, scratchLayout.rabinMod).set(tables.mod);
    },
    poly1305(offset, length, key32, mac16) {
      key.set(key32);
      wasm.poly1305(offset, length);
      key.fill(0);
      mac16.set(tag);
    },
    xor: (target, source, length) => wasm.xor(target, source, length),
    indexBlobs(start, end, records, packs) {
      wasm.indexBlobs(start, end, records, packs);
      return { blobs: found[0] ?? 0, packs: found[1] ?? 0, stop: found[2] ?? 0 };
    },
    scryptMix: (lane, r, n, from, to) => wasm.scryptMix(lane, r, n, from, to),
    scryptMixThree: (lane, r, n, from, to) => wasm.scryptMixThree(lane, r, n, from, to),
    scanTree: (block) => wasm.scanTree(block),
  };
}

function tableAt(memory: WebAssembly.Memory, offset: number): BigUint64Array {
  return new BigUint64Array(memory.buffer, offset, 256);
}

let compiled: WebAssembly.Module | undefined;

/** The kernels, compiled once for all threads that get it. Throws `KERNEL_UNAVAILABLE`. */
export function kernelModule(): WebAssembly.Module {
  if (compiled !== undefined) return compiled;
  const file = packageFile('kernels/generated/kernels.wasm');
  try {
    compiled = new WebAssembly.Module(readFileSync(file));
  } catch (cause) {
    throw new CairnError('KERNEL_UNAVAILABLE', `the compiled kernels cannot be loaded from ${file.href}`, {
      hint: 'Run `npm run kernels` in a checkout, or install the package again.',
      cause,
    });
  }
  return compiled;
}
