// Decompresses a stream. The codec is known by the first bytes, never by a name.
import { Readable, type Transform, pipeline } from 'node:stream';
import { constants, createGunzip, createZstdDecompress } from 'node:zlib';
import { CairnError, messageOf, systemCode } from '../../base/errors.ts';
import type { ArchiveCodec } from '../codec.ts';

/** Windows up to 128 MiB, which is what the zstd program takes without being told. */
const WINDOW_LOG_MAX = 27;
const CHUNK = 256 * 1024;

/** The codec by its magic number: a zstd frame (or a skippable one), a gzip member, or neither. */
function codecOf(start: Uint8Array): ArchiveCodec {
  const [a, b, c, d] = start;
  if (a === 0x1f && b === 0x8b) return 'gzip';
  if (b === 0xb5 && c === 0x2f && d === 0xfd && a === 0x28) return 'zstd';
  if (a !== undefined && (a & 0xf0) === 0x50 && b === 0x2a && c === 0x4d && d === 0x18) return 'zstd';
  return 'none';
}

/** The decompressed bytes; what they were compressed with is told first. Throws `ARCHIVE_CORRUPT`, and what the input throws. */
export async function* decompressed(
  input: AsyncIterable<Uint8Array>,
  onCodec: (codec: ArchiveCodec) => void,
): AsyncGenerator<Uint8Array> {
  const iterator = input[Symbol.asyncIterator]();
  const head: Uint8Array[] = [];
  let size = 0;
  while (size < 4) {
    const next = await iterator.next();
    if (next.done === true) break;
    head.push(next.value);
    size += next.value.length;
  }
  const all = chain(head, iterator);
  const codec = codecOf(Buffer.concat(head.map((part) => part.subarray(0, 4))));
  onCodec(codec);
  if (codec === 'none') yield* all;
  else yield* through(all, codec);
}

async function* chain(head: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* head;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

/**
 * What one decoder after the other makes of the input: Node's ends at a boundary of frames that lies inside a piece of input, and
 * says nothing of what follows. What follows is the next frame, or zeros behind gzip, which every program skips. The input is read
 * to its end in any case, so that all of it is verified.
 */
async function* through(input: AsyncGenerator<Uint8Array>, codec: 'zstd' | 'gzip'): AsyncGenerator<Uint8Array> {
  const rest = new RestOfInput(input);
  try {
    for (let first = true; first || !(await rest.isEnded()); first = false) {
      if (!first && codec === 'gzip' && (await rest.skipZeros())) return;
      const decoder: Transform =
        codec === 'gzip'
          ? createGunzip({ chunkSize: CHUNK })
          : createZstdDecompress({ chunkSize: CHUNK, params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG_MAX } });
      const feed = Readable.from(rest.pieces(), { objectMode: false, highWaterMark: CHUNK });
      pipeline(feed, decoder, () => {});
      const plain: AsyncIterable<Uint8Array> = decoder;
      for await (const chunk of plain) {
        yield chunk;
        rest.forget(bytesTaken(decoder));
      }
      await rest.giveBack(bytesTaken(decoder));
    }
  } catch (error) {
    if (rest.failure !== undefined) throw rest.failure.error;
    if (systemCode(error) === undefined && !isZlibError(error)) throw error;
    throw new CairnError('ARCHIVE_CORRUPT', `the archive cannot be decompressed: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    await input.return(undefined);
  }
}

/** Bytes of input that a decoder of node:zlib has used. */
function bytesTaken(decoder: Transform): number {
  return 'bytesWritten' in decoder ? Number(decoder.bytesWritten) : 0;
}

/** Input for several decoders in turn: what one was given and did not use goes to the next. */
class RestOfInput {
  readonly #input: AsyncGenerator<Uint8Array>;
  /** Input that the current decoder may not have used yet, or that the one before it gave back. */
  #held: Uint8Array[] = [];
  /** Bytes that the current decoder used and that are no longer held. */
  #forgotten = 0;
  /** How many pieces of `held` the current decoder was given. */
  #given = 0;
  #next: Promise<Uint8Array | undefined> | undefined;
  /** What the input threw. */
  failure: { readonly error: unknown } | undefined;

  constructor(input: AsyncGenerator<Uint8Array>) {
    this.#input = input;
  }

  async *pieces(): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.#given === this.#held.length && !(await this.#fetch())) return;
      const piece = this.#held[this.#given++];
      if (piece !== undefined) yield piece;
    }
  }

  /** Lets go of the pieces that the first so many bytes of this decoder's input filled. */
  forget(taken: number): void {
    for (let [first] = this.#held; first !== undefined && this.#given > 0; [first] = this.#held) {
      if (this.#forgotten + first.length > taken) return;
      this.#forgotten += first.length;
      this.#held.shift();
      this.#given--;
    }
  }

  /** The current decoder has ended, having used so many bytes. */
  async giveBack(taken: number): Promise<void> {
    // It may have asked for one more piece by then.
    await this.#next;
    this.forget(taken);
    const [first] = this.#held;
    if (first !== undefined) this.#held[0] = first.subarray(taken - this.#forgotten);
    this.#forgotten = 0;
    this.#given = 0;
  }

  async isEnded(): Promise<boolean> {
    while (this.#held[0]?.length === 0) this.#held.shift();
    return this.#held.length === 0 && !(await this.#fetch());
  }

  /** Whether only zeros follow; reads the input to its end. */
  async skipZeros(): Promise<boolean> {
    while (!(await this.isEnded())) {
      const [first] = this.#held;
      if (first?.some((byte) => byte !== 0) === true) return false;
      this.#held.shift();
    }
    return true;
  }

  /** False at the end of the input. */
  async #fetch(): Promise<boolean> {
    this.#next ??= this.#take();
    const piece = await this.#next;
    return piece !== undefined;
  }

  async #take(): Promise<Uint8Array | undefined> {
    try {
      for (;;) {
        const next = await this.#input.next();
        if (next.done === true) return undefined;
        if (next.value.length === 0) continue;
        this.#held.push(next.value);
        this.#next = undefined;
        return next.value;
      }
    } catch (error) {
      this.failure = { error };
      throw error;
    }
  }
}

/** What node:zlib throws carries a code of the library: Z_DATA_ERROR, ZSTD_error_…. */
function isZlibError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^Z(_|STD_)/u.test(String(error.code));
}
