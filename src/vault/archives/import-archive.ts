// An archive file onto the shelf: read and verified to its end first, so that what is listed can be restored.
import { createHash } from 'node:crypto';
import { streamFrom } from '../../archives/read/object-bytes.ts';
import { entryPath } from '../../archives/read/entry-path.ts';
import { readEntries } from '../../archives/read/read-entries.ts';
import { putArchive } from '../../archives/shelf/write-archive.ts';
import type { Sidecar } from '../../archives/sidecar.ts';
import { CairnError } from '../../base/errors.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import type { RetrievalOptions } from '../actions/retrieve-packs.ts';
import { archiveEntry } from '../catalog/catalog-entry.ts';
import { programVersion } from '../program-version.ts';
import { type ArchiveDetails, archiveDetails } from '../reference/backup-details.ts';
import type { ArchiveKeys } from './archive-access.ts';
import {
  type ArchiveFile,
  type Naming,
  namingOf,
  type NamingOptions,
  openArchiveFile,
  openContent,
} from './archive-file.ts';
import { archiveProgress } from './archive-progress.ts';
import { describeSettled } from './describe-settled.ts';
import type { ImportedSnapshot } from './import-snapshot.ts';

/**
 * Name, time and the like that are not given here come from a sidecar beside the file (`<file>.json`), or from the
 * file's name: `mydir.20261125T233000Z.tar.zst.age`, or as bakthat named it.
 */
export interface ImportOptions extends ArchiveKeys, NamingOptions {
  /** What it becomes: an archive as it is, by default; or a snapshot, which shares its data with the other ones. */
  readonly as?: 'archive' | 'snapshot' | undefined;
  /** Of an archive: the storage class of the object, such as `GLACIER`. */
  readonly coldClass?: string | undefined;
  /** How an archive of this vault that becomes a snapshot comes back from cold storage. */
  readonly retrieval?: RetrievalOptions | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type ImportResult = ArchiveDetails | ImportedSnapshot;

/** Throws `SOURCE_MISSING`, `ARCHIVE_CORRUPT`, `PASSWORD_WRONG`, `IDENTITY_MISSING`, `NOT_SUPPORTED`; nothing is listed then. */
export async function importArchive(
  context: ActionContext,
  file: string,
  options: ImportOptions,
): Promise<ArchiveDetails> {
  const { repository, settings, signal } = context;
  await using opened = await openArchiveFile(file);
  const naming = namingOf(opened, options);
  const progress = archiveProgress(context, 'import', 2 * opened.source.sizeBytes);
  const sidecar = await describeFile(context, opened, naming, options, progress);
  const hash = createHash('sha256');
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of streamFrom(opened.source, 0, signal)) {
      hash.update(piece);
      yield piece;
      progress(piece.length);
    }
  };
  const { codec, encryption, name, time } = sidecar;
  const archive = await putArchive(
    repository.origin,
    { name, time, codec, encrypted: encryption !== 'none' },
    {
      chunks: chunks(),
      describe: () => {
        if (hash.digest('hex') === sidecar.storedSha256) return sidecar;
        throw new CairnError('SOURCE_CHANGED', `${file} changed while it was imported; nothing was kept`);
      },
    },
    {
      signal,
      coldClass: options.coldClass,
      onSettled: (settled) => settings.notify({ level: 'info', message: describeSettled(settled) }),
    },
  );
  const details = archiveDetails(archive);
  settings.catalog?.recordBackup(archiveEntry(details));
  return details;
}

/** Everything about the file that a sidecar says; reads it to its end. */
async function describeFile(
  { settings, signal }: ActionContext,
  file: ArchiveFile,
  naming: Naming,
  options: ImportOptions,
  progress: (bytes: number) => void,
): Promise<Sidecar> {
  const counts = { fileCount: 0, directoryCount: 0, sourceBytes: 0, problems: 0 };
  const tops = new Set<string>();
  const { tar, encryption, facts, fetched } = await openContent(file, options, settings.password, signal);
  let told = 0;
  const { isEnded } = await readEntries(
    tar,
    {
      entry: ({ kind, name, sizeBytes }) => {
        const path = entryPath(name);
        // With two names at the top no name is recorded, so one that leads out counts as a second.
        tops.add(path.kind === 'path' ? (path.parts[0] ?? '') : '..');
        if (kind === 'dir') counts.directoryCount++;
        else counts.fileCount++;
        counts.sourceBytes += Number(sizeBytes);
      },
      data: () => {},
      end: () => {},
      unknown: () => void counts.problems++,
    },
    () => {
      progress(fetched() - told);
      told = fetched();
      return undefined;
    },
  );
  if (counts.fileCount + counts.directoryCount === 0) {
    throw new CairnError('ARCHIVE_CORRUPT', `${file.source.name} is no tar archive, or an empty one`, {
      hint: 'A file that bakthat stored without compression is no archive: back it up as a file.',
    });
  }
  if (!isEnded) {
    const message = `${file.source.name} ends without the mark that ends a tar stream: if it was cut off, what came behind is not in it`;
    settings.notify({ level: 'warning', message });
  }
  const [top = '', ...otherTops] = tops;
  return {
    ...naming,
    // The original path is not known; a restore needs only its last component.
    paths:
      file.sidecar?.paths ??
      (top !== '' && top !== '..' && otherTops.length === 0 ? [`/${Buffer.from(top, 'latin1').toString('utf8')}`] : []),
    encryption: encryption === 'none' ? 'none' : `age-${encryption}`,
    ...facts(),
    ...counts,
    storedBytes: file.source.sizeBytes,
    program: `cairn ${programVersion()}`,
  };
}
