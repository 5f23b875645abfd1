// An archive as a snapshot: extracted into a private temporary folder, as carefully as for a restore, and backed up from there under
// the paths it had. What would not be restored is not in the snapshot either, and is named.
import { readdir, utimes } from 'node:fs/promises';
import path from 'node:path';
import { makeFolders } from '../../base/make-folders.ts';
import { TreeWriter } from '../../archives/extract/tree-writer.ts';
import { objectBytes } from '../../archives/read/object-bytes.ts';
import { readEntries } from '../../archives/read/read-entries.ts';
import type { StoredArchive } from '../../archives/shelf/read-shelf.ts';
import { CairnArgumentError, CairnError, hasCode } from '../../base/errors.ts';
import { TemporaryFolder } from '../../base/temporary-folder.ts';
import { withPartialTag } from '../../formats/snapshot/partial-tag.ts';
import { openTarget } from '../../restorer/target/target.ts';
import type { RestoreProblem } from '../../restorer/restore-problem.ts';
import { openFolderAsRoot } from '../../sources/files/folder-as-root.ts';
import { type ActionContext, type BackupProblem, type BackupResult, runBackup } from '../actions/backup-action.ts';
import { BackupAhead } from '../actions/backup-ahead.ts';
import { retrieveObjects } from '../actions/retrieve-packs.ts';
import { chooseArchive } from '../reference/choose-backup.ts';
import { type ArchiveFile, type Naming, namingOf, openArchiveFile, openContent } from './archive-file.ts';
import { archiveProgress } from './archive-progress.ts';
import type { ImportOptions } from './import-archive.ts';

/** A snapshot that was an archive. `partial`: its `problems` name what could not be taken over. */
export type ImportedSnapshot = BackupResult;

/** What becomes a snapshot: a file, or an archive of this vault. */
type Imported = Pick<ArchiveFile, 'source' | 'sidecar' | 'mtime'>;

/**
 * Makes a snapshot of an archive: of a file, or of one of this vault, by reference. Throws what `importArchive` throws, and
 * `TARGET_FULL` where the temporary folder (TMPDIR) has no room; nothing is saved then.
 */
export async function importSnapshot(
  context: ActionContext,
  file: string,
  options: ImportOptions,
): Promise<ImportedSnapshot> {
  if (options.coldClass !== undefined) {
    throw new CairnArgumentError('a snapshot is many objects, and not in a storage class of its own', {
      hint: 'Leave out `coldClass` (--cold-class).',
    });
  }
  const stored = await archiveOfVault(context, file);
  if (stored === undefined) {
    await using opened = await openArchiveFile(file);
    return await saveSnapshot(context, opened, options);
  }
  const { repository } = context;
  await retrieveObjects({ ...context, dryRun: false }, [stored.object], options.retrieval);
  const { object, sizeBytes, sidecar } = stored;
  const source = objectBytes(repository.origin, object, sizeBytes);
  return saveSnapshot(context, { source, sidecar, mtime: sidecar.time }, options);
}

/** A file wins over an archive that could be meant by the same word. */
async function archiveOfVault(context: ActionContext, file: string): Promise<StoredArchive | undefined> {
  try {
    await using _ = await openArchiveFile(file);
    return undefined;
  } catch (error) {
    const isNoFile = hasCode(error, 'SOURCE_MISSING') || hasCode(error, 'SOURCE_UNREADABLE');
    if (!isNoFile || file.includes('/')) return undefined;
  }
  try {
    return await chooseArchive(context, file, {});
  } catch (error) {
    if (hasCode(error, 'REF_UNKNOWN')) return undefined;
    throw error;
  }
}

async function saveSnapshot(
  context: ActionContext,
  imported: Imported,
  options: ImportOptions,
): Promise<ImportedSnapshot> {
  const naming = namingOf(imported, options);
  await using folder = await TemporaryFolder.make(naming.name);
  const root = path.join(folder.path, 'root');
  const { above, paths } = placeOf(imported);
  const refused = await extract(context, imported, { target: path.join(root, above), naming, options });
  await dateFolders(root, above, naming.time);
  // What was refused is missing in the folder as well, so the backup of it cannot know.
  const tags = refused.length > 0 ? withPartialTag(naming.tags ?? []) : naming.tags;
  const saved = await backUp(context, root, paths ?? (await topPaths(root)), { ...naming, tags });
  const problems = [...refused, ...saved.problems.map((problem) => withoutFolder(problem, root))];
  return { ...saved, problems, status: problems.length === 0 ? 'complete' : 'partial' };
}

interface Place {
  /** The folders that the names in the archive lack, without a slash at the start. */
  readonly above: string;
  /** The paths of the snapshot; where the sidecar names none, the names at the top of the archive. */
  readonly paths: readonly string[] | undefined;
}

/** Names begin at the last component of a single path, and are whole where there are several. */
function placeOf({ sidecar }: Imported): Place {
  const paths = sidecar?.paths ?? [];
  const [only, ...others] = paths;
  if (only === undefined) return { above: '', paths: undefined };
  // The sidecar is not authenticated: nothing in it may lead out of the folder.
  const above = others.length > 0 ? '' : path.posix.dirname(path.posix.resolve('/', only)).slice(1);
  return { above, paths };
}

interface Extraction {
  readonly target: string;
  readonly naming: Naming;
  readonly options: ImportOptions;
}

/** Returns what was refused, or could not be made. */
async function extract(
  context: ActionContext,
  imported: Imported,
  { target, options }: Extraction,
): Promise<readonly RestoreProblem[]> {
  const { settings, signal } = context;
  const { tar, fetched } = await openContent(imported, options, settings.password, signal);
  const progress = archiveProgress(context, 'import', imported.source.sizeBytes);
  let told = 0;
  await makeFolders(target, 0o777);
  const opened = openTarget(target, undefined, false);
  try {
    using writer = new TreeWriter({
      target: opened,
      overwrite: 'always',
      dryRun: false,
      sparse: true,
      onProblem: ({ path: at, message }) => settings.notify({ level: 'warning', message: `${at}: ${message}` }),
    });
    await readEntries(tar, writer, () => {
      if (fetched() === told) return undefined;
      progress(fetched() - told);
      told = fetched();
      return new Promise((resolve) => setImmediate(resolve));
    });
    writer.finish();
    if (writer.counts.files + writer.counts.directories === 0 && writer.problems.count === 0) {
      throw new CairnError('ARCHIVE_CORRUPT', `${imported.source.name} is no tar archive, or an empty one`);
    }
    return writer.problems.kept;
  } catch (error) {
    if (!hasCode(error, 'TARGET_FULL')) throw error;
    throw new CairnError('TARGET_FULL', `the temporary folder ${target} has no room for what is in the archive`, {
      hint: 'Set TMPDIR to a folder with room for all of it.',
      cause: error,
    });
  } finally {
    opened.close();
  }
}

/**
 * The folders above the archived paths are made here and get the archive's time, so that a second import gives the same
 * tree.
 */
async function dateFolders(root: string, above: string, time: Date): Promise<void> {
  const names = above.split('/').filter((name) => name !== '');
  for (let depth = names.length; depth > 0; depth--)
    await utimes(path.join(root, ...names.slice(0, depth)), time, time);
}

async function topPaths(root: string): Promise<readonly string[]> {
  return (await readdir(root)).toSorted().map((name) => `/${name}`);
}

async function backUp(
  context: ActionContext,
  root: string,
  paths: readonly string[],
  { name, time, host, tags }: Naming,
): Promise<BackupResult> {
  const source = openFolderAsRoot(root, paths);
  // The source memory is for places that stay; this folder is new each time.
  const settings = { ...context.settings, memoryFolder: undefined };
  const { jobs } = settings;
  const ahead = await BackupAhead.of(source, { jobs, memoryFolder: undefined, force: true });
  const own = paths.length === 1 ? paths[0]?.split('/').at(-1) : undefined;
  const named = name === own ? {} : { name };
  return runBackup({ ...context, settings }, root, {
    ...named,
    time,
    host,
    tags,
    ahead,
    force: true,
    allowEmpty: true,
  });
}

/** As it is called in the archive. */
function withoutFolder(problem: BackupProblem, root: string): BackupProblem {
  return problem.path.startsWith(`${root}/`) ? { ...problem, path: problem.path.slice(root.length) } : problem;
}
