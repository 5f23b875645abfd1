// A source as an archive: what `putArchive` stores.
import { hostname } from 'node:os';
import type { Source, SourceProblem } from '../../archiver/source.ts';
import { CairnError } from '../../base/errors.ts';
import { openPosix } from '../../base/posix/open-posix.ts';
import { ageEncryptor } from '../../formats/age/age-file.ts';
import type { AgeRecipients } from '../../formats/age/age-header.ts';
import { withPartialTag } from '../../formats/snapshot/partial-tag.ts';
import type { ArchiveCodec } from '../codec.ts';
import type { ArchiveContent } from '../shelf/write-archive.ts';
import type { ArchiveEncryption } from '../sidecar.ts';
import { archiveStream, type StreamTotals } from './archive-stream.ts';
import { BlockCompressor } from './block-compressor.ts';
import { TarFeed } from './tar-feed.ts';

export interface MakeArchiveOptions {
  readonly name: string;
  readonly time: Date;
  readonly host?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly codec: ArchiveCodec;
  /** For whom it is encrypted; nobody without. */
  readonly encryptTo: AgeRecipients | undefined;
  /** Cost of a passphrase; tests lower it. */
  readonly ageWorkFactor?: number | undefined;
  readonly program: string;
  readonly jobs?: number | undefined;
  readonly signal: AbortSignal;
  readonly onProblem: (problem: SourceProblem) => void;
  readonly onProgress: (progress: MakeProgress) => void;
}

export type MakeProgress =
  | { readonly files: number; readonly sourceBytes: number; readonly storedBytes: number; readonly path: string }
  /** Of a stream whose size is not known: what was read of it; none of that is written yet. */
  | { readonly spooledBytes: number; readonly path: string };

/** Dispose of it when the chunks were used; it has worker threads. */
export interface MadeArchive extends ArchiveContent, AsyncDisposable {}

export async function makeArchive(source: Source, options: MakeArchiveOptions): Promise<MadeArchive> {
  const { codec, encryptTo, signal } = options;
  const encryptor =
    encryptTo === undefined ? undefined : await ageEncryptor(encryptTo, { workFactor: options.ageWorkFactor });
  let problems = 0;
  const onSpooled = (spooledBytes: number): void => options.onProgress({ spooledBytes, path: feed.currentPath });
  const feed: TarFeed = new TarFeed(source, {
    posix: openPosix(),
    strip: componentsToStrip(source),
    streams: { signal, onSpooled },
    onProblem: (problem) => {
      problems++;
      options.onProblem(problem);
    },
  });
  const totals: StreamTotals = { tarBytes: 0, storedBytes: 0, tarSha256: '', storedSha256: '' };
  const compressor = new BlockCompressor(codec, options.jobs);
  const onProgress = (): void => {
    const { files, sourceBytes } = feed.counts;
    options.onProgress({ files, sourceBytes, storedBytes: totals.storedBytes, path: feed.currentPath });
  };
  return {
    chunks: archiveStream(feed, { compressor, encryptor, totals, signal, onProgress }),
    describe: () => {
      const { files, directories, sourceBytes } = feed.counts;
      if (files + directories === 0) throw nothingArchived(source, problems);
      return {
        name: options.name,
        host: options.host ?? hostname(),
        time: options.time,
        tags: problems > 0 ? withPartialTag(options.tags ?? []) : (options.tags ?? []),
        paths: source.paths,
        codec,
        encryption: encryptionOf(encryptTo),
        headerBytes: encryptor === undefined ? 0 : encryptor.headerBytes,
        fileCount: files,
        directoryCount: directories,
        sourceBytes,
        ...totals,
        problems,
        program: options.program,
      };
    },
    [Symbol.asyncDispose]: async () => {
      // The threads end whatever becomes of a stream.
      await using _ = compressor;
      await feed[Symbol.asyncDispose]();
    },
  };
}

/** One path becomes its last component, as `tar -C` would have it; of several the full paths are kept. */
function componentsToStrip({ paths }: Source): number {
  const [only] = paths;
  if (only === undefined || paths.length > 1) return 0;
  return only.split('/').filter((part) => part !== '').length - 1;
}

function encryptionOf(to: AgeRecipients | undefined): ArchiveEncryption {
  if (to === undefined) return 'none';
  return 'passphrase' in to ? 'age-passphrase' : 'age-recipients';
}

function nothingArchived({ paths }: Source, problems: number): CairnError {
  const why = problems > 0 ? 'nothing of it could be read' : 'there is nothing in it';
  return new CairnError('SOURCE_EMPTY', `nothing was archived of ${paths.join(', ')}: ${why}`, { facts: { paths } });
}
