// SHA-256 of two messages side by side. Its rounds wait for one another, so that one message keeps the SHA unit of an
// x86 processor half busy. OpenSSL has a function that interleaves two (sha256_multi_block, made for TLS records of
// several connections; crypto/sha/asm/sha256-mb-x86_64.pl), and the Node binary exports it. Measured on one core:
// 3.4 GB/s beside the 1.7 GB/s of one message after the other.
import { closeSync, openSync, readSync } from 'node:fs';
import type { GrowingSha256 } from './codec.ts';
import type { NativeFunction, NativeLibrary } from './native-library.ts';

const BLOCK_BYTES = 64;
const HASH_BYTES = 32;
const NONE = -1;
/** A lane's pointer and number of blocks, padded. */
const DESCRIPTOR_WORDS = 4;
const COUNT_WORD = 2;
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

/** One of two messages under way: where it goes on, and what is left of it. */
class Lane {
  readonly number: 0 | 1;
  readonly #tail = new Uint8Array(2 * BLOCK_BYTES);
  readonly #tailAddress: number;
  readonly #addressOf: (bytes: Uint8Array) => number;
  /** Which message, or `NONE`. */
  message = NONE;
  address = 0;
  /** Whole blocks left; behind those of the message come those of its tail. */
  blocks = 0;
  #tailBlocks = 0;

  constructor(number: 0 | 1, addressOf: (bytes: Uint8Array) => number) {
    this.number = number;
    this.#addressOf = addressOf;
    this.#tailAddress = addressOf(this.#tail);
  }

  /** Takes the last `bytes` of a message of `sizeBytes`, to the end of it. */
  begin(message: number, bytes: Uint8Array, sizeBytes: number): void {
    this.message = message;
    this.#tailBlocks = this.#writeTail(bytes, sizeBytes);
    this.blocks = Math.floor(bytes.length / BLOCK_BYTES);
    if (this.blocks > 0) this.address = this.#addressOf(bytes);
    else this.#toTail();
  }

  /** These blocks were hashed. */
  advance(blocks: number): void {
    this.blocks -= blocks;
    this.address += blocks * BLOCK_BYTES;
    if (this.blocks === 0 && this.#tailBlocks > 0) this.#toTail();
  }

  #toTail(): void {
    this.address = this.#tailAddress;
    this.blocks = this.#tailBlocks;
    this.#tailBlocks = 0;
  }

  /** What follows the last whole block: the rest, a one bit, zeros, the length in bits (FIPS 180-4 §5.1.1). */
  #writeTail(bytes: Uint8Array, sizeBytes: number): number {
    const rest = bytes.length % BLOCK_BYTES;
    const blocks = rest < BLOCK_BYTES - 8 ? 1 : 2;
    const end = blocks * BLOCK_BYTES;
    this.#tail.fill(0, rest, end);
    this.#tail.set(bytes.subarray(bytes.length - rest));
    this.#tail[rest] = 0x80;
    const bits = sizeBytes * 8;
    writeWord(this.#tail, end - 8, Math.floor(bits / 2 ** 32));
    writeWord(this.#tail, end - 4, bits % 2 ** 32);
    return blocks;
  }
}

export class PairedSha256 {
  readonly #hashBlocks: NativeFunction;
  readonly #addressOf: (bytes: Uint8Array) => number;
  readonly #state = new Uint32Array(WORDS * STATE_STRIDE);
  /** Per lane: address and number of blocks, as `HASH_DESC` has them. */
  readonly #descriptors = new Uint32Array(LANES * DESCRIPTOR_WORDS);
  readonly #lanes: readonly [Lane, Lane];
  /** The growing message that is hashed along with others. */
  #behind: LaggingSha256 | undefined;

  constructor(hashBlocks: NativeFunction, library: NativeLibrary) {
    this.#hashBlocks = hashBlocks;
    this.#addressOf = library.addressOf;
    this.#lanes = [new Lane(0, library.addressOf), new Lane(1, library.addressOf)];
    // An empty lane points somewhere, too.
    const somewhere = library.addressOf(new Uint8Array(this.#state.buffer));
    for (let lane = 0; lane < LANES; lane++) this.#setLane(lane, somewhere, 0);
  }

  /** The hashes of messages, one behind the other in `out`. A growing message that waits is taken along. */
  hash(messages: readonly Uint8Array[], out: Uint8Array): void {
    if (out.length < messages.length * HASH_BYTES) throw new RangeError(`${messages.length} hashes need more room`);
    const [first, second] = this.#lanes;
    let next = 0;
    const begin = (lane: Lane): void => {
      const bytes = messages[next];
      if (bytes === undefined) return;
      this.#begin(lane.number, FIRST_STATE);
      lane.begin(next++, bytes, bytes.length);
    };
    begin(first);
    // What waits is not to pile up, since it is hashed alone when its message ends; so at times it has a lane for itself.
    const isForOne = this.#waitsFor(messages);
    if (!isForOne) begin(second);
    while (first.blocks > 0 || second.blocks > 0) {
      this.#step(first, second);
      for (const lane of this.#lanes) {
        if (lane.blocks > 0 || lane.message < 0) continue;
        this.#writeHash(lane.number, out, lane.message * HASH_BYTES);
        lane.message = NONE;
        if (lane === first || !isForOne) begin(lane);
      }
    }
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
    const [lane] = this.#lanes;
    this.#begin(lane.number, state);
    lane.begin(0, bytes, sizeBytes);
    while (lane.blocks > 0) {
      this.#setLane(0, lane.address, lane.blocks);
      this.#hashBlocks(this.#state, this.#descriptors, 1);
      lane.advance(lane.blocks);
    }
    lane.message = NONE;
    this.#setLane(0, lane.address, 0);
    this.#writeHash(0, out, 0);
  }

  #waitsFor(messages: readonly Uint8Array[]): boolean {
    if (this.#behind === undefined) return false;
    let bytes = 0;
    for (const message of messages) bytes += message.length;
    return 2 * this.#behind.waitingBytes >= bytes;
  }

  /** Hashes as many blocks as both lanes have, or all of one lane beside what waits. */
  #step(first: Lane, second: Lane): void {
    const isBoth = first.blocks > 0 && second.blocks > 0;
    const blocks = isBoth ? Math.min(first.blocks, second.blocks) : Math.max(first.blocks, second.blocks);
    const idle = first.blocks > 0 ? second : first;
    const taken = isBoth
      ? 0
      : (this.#behind?.lend(blocks, (state, bytes, count) => {
          this.#begin(idle.number, state);
          this.#setLane(idle.number, this.#addressOf(bytes), count);
        }) ?? 0);
    for (const lane of this.#lanes) if (lane.blocks > 0) this.#setLane(lane.number, lane.address, blocks);
    this.#hashBlocks(this.#state, this.#descriptors, LANES / 4);
    if (taken > 0) this.#behind?.takeBack(taken, (state) => this.#read(idle.number, state));
    for (const lane of this.#lanes) {
      if (lane.blocks > 0) lane.advance(blocks);
      this.#descriptors[lane.number * DESCRIPTOR_WORDS + COUNT_WORD] = 0;
    }
  }

  #begin(lane: number, state: Uint32Array): void {
    for (let word = 0; word < WORDS; word++) this.#state[word * STATE_STRIDE + lane] = state[word] ?? 0;
  }

  #read(lane: number, state: Uint32Array): void {
    for (let word = 0; word < WORDS; word++) state[word] = this.#state[word * STATE_STRIDE + lane] ?? 0;
  }

  #setLane(lane: number, address: number, blocks: number): void {
    const at = lane * DESCRIPTOR_WORDS;
    // x86 is little-endian.
    this.#descriptors[at] = address;
    this.#descriptors[at + 1] = address / 2 ** 32;
    this.#descriptors[at + COUNT_WORD] = blocks;
  }

  #writeHash(lane: number, out: Uint8Array, at: number): void {
    if (out.length < at + HASH_BYTES) throw new RangeError(`a hash needs ${HASH_BYTES} bytes of room`);
    for (let word = 0; word < WORDS; word++) {
      writeWord(out, at + 4 * word, this.#state[word * STATE_STRIDE + lane] ?? 0);
    }
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
    // Less than none where its memory has gone to another thread: who gave that away has no use for the hash.
    if (count <= 0) return undefined;
    to(this.#state, this.#message.subarray(this.#done), count);
    return count;
  }

  takeBack(blocks: number, readState: (into: Uint32Array) => void): void {
    readState(this.#state);
    this.#done += blocks * BLOCK_BYTES;
  }
}
