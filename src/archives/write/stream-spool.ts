// A stream on disk until its size is known, which tar has before the content. The file has no name once it is open, and is encrypted
// with a key that only this process has: whatever happens, nothing of it is left that anybody could read.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CairnError, systemCode } from '../../base/errors.ts';
import { TemporaryFolder } from '../../base/temporary-folder.ts';
import { gatherBlocks } from '../../storage/gather-blocks.ts';

const BLOCK_BYTES = 1024 * 1024;
const CIPHER = 'aes-256-ctr';

export interface SpoolOptions {
  readonly signal: AbortSignal;
  /** Told of the bytes so far. */
  readonly onBytes: (bytes: number) => void;
}

export class StreamSpool implements AsyncDisposable {
  readonly sizeBytes: number;
  readonly #file: FileHandle;
  readonly #key: Uint8Array;

  private constructor(file: FileHandle, key: Uint8Array, sizeBytes: number) {
    this.#file = file;
    this.#key = key;
    this.sizeBytes = sizeBytes;
  }

  /** Reads the stream to its end. Throws `TARGET_FULL`, `TARGET_INVALID`, and what the stream throws. */
  static async fill(chunks: AsyncIterable<Uint8Array>, { signal, onBytes }: SpoolOptions): Promise<StreamSpool> {
    const file = await openNameless();
    try {
      const key = randomBytes(32);
      const cipher = createCipheriv(CIPHER, key, zeros());
      const memory = new Uint8Array(BLOCK_BYTES);
      let sizeBytes = 0;
      for await (const block of gatherBlocks(chunks, () => memory)) {
        signal.throwIfAborted();
        await writeAll(file, cipher.update(block));
        sizeBytes += block.length;
        onBytes(sizeBytes);
      }
      return new StreamSpool(file, key, sizeBytes);
    } catch (error) {
      await file.close();
      throw spoolError(error);
    }
  }

  /** All of it, once. */
  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    const decipher = createDecipheriv(CIPHER, this.#key, zeros());
    const memory = new Uint8Array(BLOCK_BYTES);
    for (let at = 0; at < this.sizeBytes;) {
      const { bytesRead } = await this.#file.read(memory, 0, memory.length, at);
      if (bytesRead === 0) throw new CairnError('SOURCE_CHANGED', 'the temporary file of the stream was cut off');
      at += bytesRead;
      yield decipher.update(memory.subarray(0, bytesRead));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/** The key is used once, so the counter may begin anywhere. */
function zeros(): Uint8Array {
  return new Uint8Array(16);
}

async function openNameless(): Promise<FileHandle> {
  await using folder = await TemporaryFolder.make('cairn-stream');
  return await open(join(folder.path, 'stream'), 'wx+', 0o600);
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at)).bytesWritten;
}

function spoolError(error: unknown): unknown {
  const code = systemCode(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new CairnError('TARGET_FULL', `no space left in ${tmpdir()} for a stream whose size is not known`, {
    hint: 'Give its size with --stdin-size (in code: `sizeBytes`), or set TMPDIR to a directory with more room.',
    cause: error,
    facts: { path: tmpdir() },
  });
}
