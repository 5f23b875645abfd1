// The entries of a tar stream, and the content of one of them, for looking into archives.
import { CairnError, hasCode } from '../../base/errors.ts';
import type { TarEntry } from '../../formats/tar/tar-entry.ts';
import { TarReader } from '../../formats/tar/tar-reader.ts';

/** Every entry in the order of the stream, which is read to its end. Throws `ARCHIVE_CORRUPT`. */
export async function* archiveEntries(
  tar: AsyncIterable<Uint8Array>,
  onUnknown: (name: Uint8Array, why: string) => void,
): AsyncGenerator<TarEntry> {
  let found: TarEntry[] = [];
  const reader = new TarReader({
    entry: (entry) => void found.push(entry),
    data: () => {},
    end: () => {},
    unknown: onUnknown,
  });
  yield* corruptInstead(
    (async function* () {
      for await (const chunk of tar) {
        reader.push(chunk);
        const now = found;
        found = [];
        yield* now;
      }
      reader.end();
    })(),
  );
}

/**
 * The content of the first entry that `isWanted`, which is told to `onEntry`; the stream is read no further. Each piece is good
 * until the next one is asked for.
 */
export async function* entryContent(
  tar: AsyncIterable<Uint8Array>,
  isWanted: (entry: TarEntry) => boolean,
  onEntry: (entry: TarEntry) => void,
): AsyncGenerator<Uint8Array> {
  let state: 'before' | 'inside' | 'after' = 'before';
  let parts: Uint8Array[] = [];
  const reader = new TarReader({
    entry: (entry) => {
      if (state !== 'before' || !isWanted(entry)) return;
      state = 'inside';
      onEntry(entry);
    },
    data: (bytes) => {
      if (state === 'inside') parts.push(bytes);
    },
    end: () => {
      if (state === 'inside') state = 'after';
    },
    unknown: () => {},
  });
  const isAfter = (): boolean => state === 'after';
  yield* corruptInstead(
    (async function* () {
      for await (const chunk of tar) {
        reader.push(chunk);
        const now = parts;
        parts = [];
        yield* now;
        if (isAfter()) return;
      }
      reader.end();
    })(),
  );
}

async function* corruptInstead<T>(items: AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    yield* items;
  } catch (error) {
    if (!hasCode(error, 'FORMAT_INVALID')) throw error;
    throw new CairnError('ARCHIVE_CORRUPT', `the archive is damaged: ${error.message}`, { cause: error });
  }
}
