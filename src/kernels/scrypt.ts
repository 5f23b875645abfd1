// scrypt (RFC 7914 §6): PBKDF2 over ROMix over PBKDF2. OpenSSL computes ROMix one lane after the other in scalar code;
// the kernel has vectors and takes three lanes at once (measured for N = 32768, r = 8, p = 3: 85 instead of 217 ms).
import { pbkdf2Sync, scrypt as nodeScrypt } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createKernels, KERNEL_SCRATCH_BYTES, kernelModule, type Kernels } from './kernels.ts';
import { adviseHugePages, adviseSmallPages, releasePages } from './memory-advice.ts';
import { isSlowMemory } from './scrypt-thread/run-mix.ts';
import { type ScryptThread, takeScryptThread } from './scrypt-thread/scrypt-thread.ts';

export interface ScryptParameters {
  /** Cost, a power of two. Memory is 128·N·r bytes. */
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

export interface ScryptRequest extends ScryptParameters {
  readonly password: Uint8Array;
  readonly salt: Uint8Array;
  readonly sizeBytes: number;
}

/** Work (N·r·p) from which on the kernel pays; below it, getting its memory costs more than it saves. */
const KERNEL_FROM_WORK = 2 ** 17;
/** Three lanes at once are faster, and take three times the memory. */
const THREE_LANES_BYTES = 256 * 1024 * 1024;
/** Kernel memory is addressed with 32 bits. */
const ONE_LANE_BYTES = 2 ** 31;
/** Bytes mixed between two looks at other work: a few milliseconds. */
const TURN_BYTES = 8 * 1024 * 1024;

/**
 * Derives `sizeBytes` bytes from a password. Takes 128·N·r bytes of memory, or three times that, and gives way to other
 * work every few milliseconds, or all the time where a thread was begun for it (`beginScryptThread`). Rejects as `node:crypto` does for parameters that are not scrypt's.
 */
export async function scrypt(request: ScryptRequest): Promise<Uint8Array> {
  const { N, r } = request;
  if (!isScryptQuick(request) && Number.isInteger(Math.log2(N)) && laneBytes(N, r) <= ONE_LANE_BYTES) {
    return await scryptByKernel(request);
  }
  // A thread that was begun for it is not needed, and nobody shall wait until it mixes.
  takeScryptThread()?.end();
  return await scryptByNode(request);
}

/** Whether it is over before a thread for it would have begun. */
export function isScryptQuick({ N, r, p }: ScryptParameters): boolean {
  return N * r * p < KERNEL_FROM_WORK;
}

/** See `scrypt`; N is a power of two. */
export async function scryptByKernel({ password, salt, sizeBytes, N, r, p }: ScryptRequest): Promise<Uint8Array> {
  const blockBytes = 128 * r;
  const together = p > 1 && 3 * laneBytes(N, r) <= THREE_LANES_BYTES ? 3 : 1;
  const blocks = pbkdf2Sync(password, salt, 1, p * blockBytes, 'sha256');
  const kernels = createKernels({ dataBytes: together * laneBytes(N, r) });
  adviseHugePages(kernels.bytes);
  const thread = takeScryptThread();
  try {
    for (let lane = 0; lane < p; lane += together) {
      const some = blocks.subarray(lane * blockBytes, (lane + together) * blockBytes);
      await mixBlocks(kernels, some, { N, r, together, thread });
    }
  } finally {
    thread?.end();
    releasePages(kernels.bytes);
  }
  const derived = pbkdf2Sync(password, blocks, 1, sizeBytes, 'sha256');
  blocks.fill(0);
  return derived;
}

function scryptByNode({ password, salt, sizeBytes, N, r, p }: ScryptRequest): Promise<Uint8Array> {
  const maxmem = 128 * r * (N + p + 8);
  return new Promise((resolve, reject) => {
    nodeScrypt(password, salt, sizeBytes, { N, r, p, maxmem }, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

function laneBytes(N: number, r: number): number {
  return (N + 2) * 128 * r;
}

interface Mixing {
  readonly N: number;
  readonly r: number;
  readonly together: 1 | 3;
  readonly thread: ScryptThread | undefined;
}

/** Mixes up to `together` blocks in place. A lane that has no block mixes whatever is there. */
async function mixBlocks(kernels: Kernels, blocks: Uint8Array, mixing: Mixing): Promise<void> {
  const { N, r, together, thread } = mixing;
  const blockBytes = 128 * r;
  const places = Array.from(
    { length: blocks.length / blockBytes },
    (_, lane) => KERNEL_SCRATCH_BYTES + lane * laneBytes(N, r) + N * blockBytes,
  );
  const load = (): void =>
    places.forEach((at, lane) => kernels.bytes.set(blocks.subarray(lane * blockBytes, (lane + 1) * blockBytes), at));
  load();
  const { memory } = kernels;
  const task = { module: kernelModule(), memory, lane: KERNEL_SCRATCH_BYTES, lanes: together, r, N };
  if ((await thread?.mix(task, () => adviseSmallPages(kernels.bytes))) !== true) {
    load();
    await mixHere(kernels, mixing);
  }
  places.forEach((at, lane) => blocks.set(kernels.bytes.subarray(at, at + blockBytes), lane * blockBytes));
}

async function mixHere(kernels: Kernels, { N, r, together }: Mixing): Promise<void> {
  const stepsPerTurn = Math.max(1, Math.floor(TURN_BYTES / (128 * r * together)));
  for (let step = 0; step < 2 * N; step += stepsPerTurn) {
    if (step > 0) await nextTurn();
    const end = Math.min(step + stepsPerTurn, 2 * N);
    const started = performance.now();
    if (together === 3) kernels.scryptMixThree(KERNEL_SCRATCH_BYTES, r, N, step, end);
    else kernels.scryptMix(KERNEL_SCRATCH_BYTES, r, N, step, end);
    const isSlow = step < N && isSlowMemory(performance.now() - started, 128 * r * together * (end - step));
    if (isSlow) adviseSmallPages(kernels.bytes);
  }
}
