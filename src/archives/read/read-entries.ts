import { CairnError, hasCode } from '../../base/errors.ts';
import { TarReader, type TarVisitor } from '../../formats/tar/tar-reader.ts';

/**
 * Reads a tar stream to its end, and what follows its end as well, so that everything is verified. After each piece `pause`
 * may take its time. Tells whether the mark of its end was there, without which it may have been cut off. Throws `ARCHIVE_CORRUPT` where it is no tar stream, and what the stream and the visitor throw.
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
