// What a stream of bytes is, known by how it begins and never by a name, and the bytes inside it.
import { Readable, type Transform, pipeline } from 'node:stream';
import { constants, createGunzip, createZstdDecompress } from 'node:zlib';
import { CairnError, messageOf, systemCode } from '../../base/errors.ts';
import type { ArchiveCodec } from '../codec.ts';

/** Windows up to 128 MiB, which is what the zstd program takes without being told. */
const WINDOW_LOG_MAX = 27;
const CHUNK = 256 * 1024;

/** What begins so: a frame of zstd (or a skippable one), a member of gzip, or anything else. */
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

async function* through(input: AsyncGenerator<Uint8Array>, codec: 'zstd' | 'gzip'): AsyncGenerator<Uint8Array> {
  let inputError: { readonly error: unknown } | undefined;
  const guarded = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield* input;
    } catch (error) {
      inputError = { error };
      throw error;
    }
  };
  const decoder: Transform =
    codec === 'gzip'
      ? createGunzip({ chunkSize: CHUNK })
      : createZstdDecompress({ chunkSize: CHUNK, params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG_MAX } });
  pipeline(Readable.from(guarded(), { objectMode: false, highWaterMark: CHUNK }), decoder, () => {});
  try {
    for await (const chunk of decoder) yield chunk as Uint8Array;
  } catch (error) {
    if (inputError !== undefined) throw inputError.error;
    if (systemCode(error) === undefined && !isZlibError(error)) throw error;
    throw new CairnError('ARCHIVE_CORRUPT', `the archive cannot be decompressed: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** What node:zlib throws carries a code of the library: Z_DATA_ERROR, ZSTD_error_…. */
function isZlibError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^Z(_|STD_)/u.test(String(error.code));
}
