import { CairnError, hasCode } from '../../base/errors.ts';
import type { ObjectName, Storage, WriteStreamOptions, WrittenStream } from '../storage.ts';
import { TeeStream } from './tee-stream.ts';

/** Stores a stream in one of the other storages; never rejects. */
export type AlsoIn = (run: (storage: Storage) => Promise<void>) => Promise<void>;

/**
 * Stores one stream in the first storage and in the others at once, in step. The end of the stream is kept from the
 * others until the first one has taken it: no member is ever ahead of it. Where the first one fails, nothing becomes
 * visible in any. Throws what the first one throws.
 */
export async function writeStreamToAll(
  first: Storage,
  others: readonly AlsoIn[],
  name: ObjectName,
  chunks: AsyncIterable<Uint8Array>,
  options: WriteStreamOptions,
): Promise<WrittenStream> {
  const tee = new TeeStream(chunks, options.signal);
  const reader = tee.reader();
  const readers = others.map(() => tee.reader());
  const writing = first.writeStream(name, reader, options).finally(() => reader.leave());
  writing.catch((error: unknown) => tee.stop(error));
  // A member that does not answer is given up by its own layers soon; it may not hold up the first one for longer.
  const { perRequest: _ofTheFirst, ...own } = options;
  const following = others.map(async (alsoIn, at) => {
    const mine = readers[at];
    if (mine === undefined) return;
    const run = async (storage: Storage): Promise<void> => {
      try {
        await storage.writeStream(name, endingAfter(mine, writing), own);
      } catch (error) {
        if (!tee.isStopped) throw hasCode(error, 'OBJECT_EXISTS') ? holdsAnother(storage, name, error) : error;
      }
    };
    await alsoIn(run).finally(() => mine.leave());
  });
  const [result] = await Promise.allSettled([writing, ...following]);
  await tee.close();
  if (result.status === 'fulfilled') return result.value;
  tee.source.throwFailure();
  throw result.reason;
}

async function* endingAfter(chunks: AsyncIterable<Uint8Array>, first: Promise<unknown>): AsyncGenerator<Uint8Array> {
  yield* chunks;
  await first;
}

function holdsAnother(storage: Storage, name: ObjectName, cause: unknown): CairnError {
  return new CairnError('STORAGE_IO', `${storage.url} holds another ${name} already`, { cause });
}
