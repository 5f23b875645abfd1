// An archive as a stream of bytes, in one pass: tar → zstd or gzip in worker threads → age, hashed on both sides.
import { createHash } from 'node:crypto';
import { collectYoung } from '../../base/collect-young.ts';
import type { AgeEncryptor } from '../../formats/age/age-file.ts';
import type { BlockCompressor } from './block-compressor.ts';

/**
 * Garbage of reading and sending is collected after so many blocks; V8 would let it outgrow all the blocks together.
 */
const COLLECT_BLOCKS = 16;

/** A tar stream in blocks. */
export interface BlockFeed {
  /** Fills `block` with what comes next. Fewer bytes than it has room for: the stream ended. */
  fill(block: Uint8Array): number | Promise<number>;
}

export interface StreamTotals {
  tarBytes: number;
  storedBytes: number;
  /** SHA-256 in hexadecimal, once the stream has ended. */
  tarSha256: string;
  storedSha256: string;
}

export interface ArchiveStreamOptions {
  readonly compressor: BlockCompressor;
  /** Encrypts with age; without it, nothing is encrypted. */
  readonly encryptor: AgeEncryptor | undefined;
  readonly totals: StreamTotals;
  readonly signal: AbortSignal;
  /** Called after each block. */
  readonly onProgress: () => void;
}

/** The bytes to store. The memory of a piece is used again once the next one is asked for. */
export async function* archiveStream(feed: BlockFeed, options: ArchiveStreamOptions): AsyncGenerator<Uint8Array> {
  const { encryptor, totals, signal } = options;
  const stored = createHash('sha256');
  const count = (bytes: Uint8Array): Uint8Array => {
    stored.update(bytes);
    totals.storedBytes += bytes.length;
    return bytes;
  };
  if (encryptor !== undefined) yield count(encryptor.header);
  let blocks = 0;
  for await (const packed of compressedBlocks(feed, options)) {
    signal.throwIfAborted();
    const bytes = encryptor === undefined ? packed : encryptor.update(packed);
    if (bytes.length > 0) yield count(bytes);
    if (++blocks % COLLECT_BLOCKS === 0) collectYoung();
    options.onProgress();
  }
  if (encryptor !== undefined) yield count(encryptor.final());
  totals.storedSha256 = stored.digest('hex');
}

/** Compressed blocks in the order of the tar stream. A block's memory is filled anew once the next one is asked for. */
async function* compressedBlocks(
  feed: BlockFeed,
  { compressor, totals, signal }: ArchiveStreamOptions,
): AsyncGenerator<Uint8Array> {
  const tar = createHash('sha256');
  let isLast = false;
  while (!isLast || !compressor.isEmpty) {
    const packed: Uint8Array | undefined = compressor.peek();
    if (packed !== undefined) {
      yield packed;
      compressor.release();
    }
    const room: Uint8Array | undefined = isLast ? undefined : compressor.room;
    if (room !== undefined) {
      const size: number = await feed.fill(room);
      isLast = size < room.length;
      tar.update(room.subarray(0, size));
      totals.tarBytes += size;
      if (size > 0) compressor.submit(size, { last: isLast });
    } else if (packed === undefined) await compressor.help();
    // Files are read and blocks compressed without a pause; requests and timers get their turn here.
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
  }
  totals.tarSha256 = tar.digest('hex');
}
