// An archive as a stream of bytes, in one pass: tar → zstd or gzip in worker threads → age, hashed on both sides.
import { createHash } from 'node:crypto';
import type { AgeEncryptor } from '../../formats/age/age-file.ts';
import { BLOCK_BYTES } from '../codec.ts';
import { type Block, type BlockCompressor } from './block-compressor.ts';

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
  /** Nothing is encrypted without. */
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
  for await (const packed of compressedBlocks(feed, options)) {
    signal.throwIfAborted();
    const bytes = encryptor === undefined ? packed : encryptor.update(packed);
    if (bytes.length > 0) yield count(bytes);
    options.onProgress();
  }
  if (encryptor !== undefined) yield count(encryptor.final());
  totals.storedSha256 = stored.digest('hex');
}

interface InFlight {
  readonly block: Block;
  readonly packed: Promise<Uint8Array>;
}

/** Compressed blocks in the order of the tar stream. A block's memory is filled anew once the next one is asked for. */
async function* compressedBlocks(
  feed: BlockFeed,
  { compressor, totals, signal }: ArchiveStreamOptions,
): AsyncGenerator<Uint8Array> {
  const tar = createHash('sha256');
  const free: Block[] = [...compressor.blocks];
  const inFlight: InFlight[] = [];
  let isLast = false;
  while (!isLast || inFlight.length > 0) {
    const block = isLast ? undefined : free.pop();
    if (block !== undefined) {
      const size = await feed.fill(block.plain);
      isLast = size < BLOCK_BYTES;
      tar.update(block.plain.subarray(0, size));
      const only = isLast && totals.tarBytes === 0;
      totals.tarBytes += size;
      if (size === 0) continue;
      const packed = compressor.compress(block, size, { only });
      // Whoever stops early does not wait for it.
      packed.catch(() => {});
      inFlight.push({ block, packed });
      if (!isLast && free.length > 0) {
        // Files are read without a pause; requests and timers get their turn here.
        await new Promise((resolve) => setImmediate(resolve));
        signal.throwIfAborted();
        continue;
      }
    }
    const next = inFlight.shift();
    if (next === undefined) continue;
    yield await next.packed;
    free.push(next.block);
  }
  totals.tarSha256 = tar.digest('hex');
}
