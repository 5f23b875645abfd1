import { CairnError, hasCode } from '../../base/errors.ts';
import { TarReader, type TarVisitor } from '../../formats/tar/tar-reader.ts';

/**
 * Reads a tar stream, and what follows its end mark, so that all of it is verified. `pause` is awaited after each
 * piece. Returns whether the end mark was there; without it the stream may have been cut off. Throws `ARCHIVE_CORRUPT`
 * where it is no tar stream, and what the stream and the visitor throw.
 */
export async function readEntries(
  tar: AsyncIterable<Uint8Array>,
  visitor: TarVisitor,
  pause?: () => Promise<void> | undefined,
): Promise<{ readonly isEnded: boolean }> {
  const reader = new TarReader(visitor);
  try {
    for await (const chunk of tar) {
      reader.push(chunk);
      const wait = pause?.();
      if (wait !== undefined) await wait;
    }
    reader.end();
    return { isEnded: reader.ended };
  } catch (error) {
    if (!hasCode(error, 'FORMAT_INVALID')) throw error;
    throw new CairnError('ARCHIVE_CORRUPT', `the archive is damaged: ${error.message}`, { cause: error });
  }
}
