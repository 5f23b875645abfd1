// SHA-256 of two messages side by side. Its rounds wait for one another, so that one message keeps the SHA unit of an
// x86 processor half busy. OpenSSL has a function that interleaves two (sha256_multi_block, made for TLS records of
// several connections; crypto/sha/asm/sha256-mb-x86_64.pl), and the Node binary exports it. Measured on one core:
// 3.4 GB/s beside the 1.7 GB/s of one message after the other.
import { closeSync, openSync, readSync } from 'node:fs';
import type { GrowingSha256 } from './codec.ts';
import type { NativeFunction, NativeLibrary } from './native-library.ts';

const BLOCK_BYTES = 64;
const HASH_BYTES = 32;
const WORDS = 8;
/** The function's state is word by word, each for eight lanes. */
const STATE_STRIDE = 8;
/** One call takes lanes by fours. The third and the fourth stay empty: two fill the unit. */
const LANES = 4;
// FIPS 180-4 §5.3.3.
const FIRST_STATE = Uint32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
);

/** `undefined` where the processor or this Node does not have what it takes. */
export function createPairedSha256(library: NativeLibrary): PairedSha256 | undefined {
  if (process.arch !== 'x64' || !hasShaInstructions()) return undefined;
  try {
    return new PairedSha256(library.bind('void sha256_multi_block(void*, const void*, int)'), library);
  } catch {
    return undefined;
  }
}

/** Asks the first processor alone: each further one takes the system time to answer for. */
function hasShaInstructions(): boolean {
  let fd: number | undefined;
  try {
    fd = openSync('/proc/cpuinfo', 'r');
    const text = Buffer.alloc(4096);
    return /^flags\s*:.* sha_ni\b/mu.test(text.toString('latin1', 0, readSync(fd, text)));
  } catch {
    return false;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

export class PairedSha256 {
  readonly #hashBlocks: NativeFunction;
  readonly #addressOf: (bytes: Uint8Array) => bigint;
  readonly #state = new Uint32Array(WORDS * STATE_STRIDE);
  /** Per lane: address and number of blocks, as `HASH_DESC` has them. */
  readonly #lanes = new ArrayBuffer(LANES * 16);
  readonly #addresses = new BigUint64Array(this.#lanes);
  readonly #counts = new Int32Array(this.#lanes);
  readonly #tails = [new Uint8Array(2 * BLOCK_BYTES), new Uint8Array(2 * BLOCK_BYTES)] as const;
  /** The growing message that is hashed along with single ones. */
  #behind: LaggingSha256 | undefined;

  constructor(hashBlocks: NativeFunction, library: NativeLibrary) {
    this.#hashBlocks = hashBlocks;
    this.#addressOf = library.addressOf;
    for (let lane = 0; lane < LANES; lane++) this.#setLane(lane, this.#tails[0], 0);
  }

  /** The hash of one message. A growing one that waits is taken along. */
  one(message: Uint8Array, out: Uint8Array): void {
    const blocks = Math.floor(message.length / BLOCK_BYTES);
    this.#begin(0, FIRST_STATE);
    this.#setLane(0, message, blocks);
    const taken = this.#behind?.lend(blocks, (state, bytes, count) => {
      this.#begin(1, state);
      this.#setLane(1, bytes, count);
    });
    this.#run(blocks);
    if (taken !== undefined) this.#behind?.takeBack(taken, (state) => this.#read(1, state));
    this.#setLane(1, this.#tails[1], 0);
    this.#end(0, message, message.length);
    this.#run(1);
    this.#writeHash(0, out);
  }

  /** The hashes of two messages, whose lengths may differ. */
  two(a: Uint8Array, outA: Uint8Array, b: Uint8Array, outB: Uint8Array): void {
    // What waits is not to pile up: it has to be hashed alone when its message ends.
    if (this.#behind !== undefined && 2 * this.#behind.waitingBytes >= a.length + b.length) {
      this.one(a, outA);
      this.one(b, outB);
      return;
    }
    const blocksA = Math.floor(a.length / BLOCK_BYTES);
    const blocksB = Math.floor(b.length / BLOCK_BYTES);
    this.#begin(0, FIRST_STATE);
    this.#begin(1, FIRST_STATE);
    this.#setLane(0, a, blocksA);
    this.#setLane(1, b, blocksB);
    this.#run(Math.max(blocksA, blocksB));
    this.#end(0, a, a.length);
    this.#end(1, b, b.length);
    this.#run(1);
    this.#writeHash(0, outA);
    this.#writeHash(1, outB);
    this.#setLane(1, this.#tails[1], 0);
  }

  createGrowing(): GrowingSha256 {
    return new LaggingSha256(this);
  }

  /** From now on this one is hashed along with others. */
  follow(growing: LaggingSha256): void {
    this.#behind = growing;
  }

  /** Ends a message of `sizeBytes` whose state and last `bytes` are given. */
  finish(state: Uint32Array, bytes: Uint8Array, sizeBytes: number, out: Uint8Array): void {
    const blocks = Math.floor(bytes.length / BLOCK_BYTES);
    this.#begin(0, state);
    this.#setLane(0, bytes, blocks);
    this.#run(blocks);
    this.#end(0, bytes, sizeBytes);
    this.#run(1);
    this.#writeHash(0, out);
  }

  #begin(lane: number, state: Uint32Array): void {
    for (let word = 0; word < WORDS; word++) this.#state[word * STATE_STRIDE + lane] = state[word] ?? 0;
  }

  #read(lane: number, state: Uint32Array): void {
    for (let word = 0; word < WORDS; word++) state[word] = this.#state[word * STATE_STRIDE + lane] ?? 0;
  }

  #setLane(lane: number, bytes: Uint8Array, blocks: number): void {
    this.#addresses[2 * lane] = this.#addressOf(bytes);
    this.#counts[4 * lane + 2] = blocks;
  }

  #run(blocks: number): void {
    if (blocks > 0) this.#hashBlocks(this.#state, this.#addresses, LANES / 4);
  }

  /** Gives a lane what follows the last whole block of a message: its rest, a one bit, zeros, its length in bits (§5.1.1). */
  #end(lane: 0 | 1, bytes: Uint8Array, sizeBytes: number): void {
    const tail = this.#tails[lane];
    const rest = bytes.length % BLOCK_BYTES;
    const blocks = rest < BLOCK_BYTES - 8 ? 1 : 2;
    const end = blocks * BLOCK_BYTES;
    tail.fill(0, rest, end);
    tail.set(bytes.subarray(bytes.length - rest));
    tail[rest] = 0x80;
    const bits = sizeBytes * 8;
    writeWord(tail, end - 8, Math.floor(bits / 2 ** 32));
    writeWord(tail, end - 4, bits % 2 ** 32);
    this.#setLane(lane, tail, blocks);
  }

  #writeHash(lane: number, out: Uint8Array): void {
    if (out.length < HASH_BYTES) throw new RangeError(`a hash needs ${HASH_BYTES} bytes of room, got ${out.length}`);
    for (let word = 0; word < WORDS; word++) writeWord(out, 4 * word, this.#state[word * STATE_STRIDE + lane] ?? 0);
  }
}

function writeWord(to: Uint8Array, at: number, value: number): void {
  to[at] = value >>> 24;
  to[at + 1] = value >>> 16;
  to[at + 2] = value >>> 8;
  to[at + 3] = value;
}

/** Lets its message wait, and goes on with it whenever another one is hashed. */
class LaggingSha256 implements GrowingSha256 {
  readonly #pair: PairedSha256;
  readonly #state = FIRST_STATE.slice();
  #message: Uint8Array = new Uint8Array(0);
  #done = 0;

  constructor(pair: PairedSha256) {
    this.#pair = pair;
  }

  get waitingBytes(): number {
    return this.#message.length - this.#done;
  }

  grow(message: Uint8Array): void {
    this.#message = message;
    this.#pair.follow(this);
  }

  digestInto(out: Uint8Array): void {
    this.#pair.finish(this.#state, this.#message.subarray(this.#done), this.#message.length, out);
    this.reset();
  }

  reset(): void {
    this.#state.set(FIRST_STATE);
    this.#message = new Uint8Array(0);
    this.#done = 0;
  }

  /** Hands out at most so many blocks, and says how many; `undefined` when none is whole. */
  lend(blocks: number, to: (state: Uint32Array, bytes: Uint8Array, blocks: number) => void): number | undefined {
    const count = Math.min(blocks, Math.floor(this.waitingBytes / BLOCK_BYTES));
    if (count === 0) return undefined;
    to(this.#state, this.#message.subarray(this.#done), count);
    return count;
  }

  takeBack(blocks: number, readState: (into: Uint32Array) => void): void {
    readState(this.#state);
    this.#done += blocks * BLOCK_BYTES;
  }
}
