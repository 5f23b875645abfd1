// An archive into a folder: one pass over its bytes, and nothing outside of the folder.
import path from 'node:path';
import type { ExtractCounts } from '../../archives/extract/extract-options.ts';
import { TreeWriter } from '../../archives/extract/tree-writer.ts';
import { readEntries } from '../../archives/read/read-entries.ts';
import type { StoredArchive } from '../../archives/shelf/read-shelf.ts';
import { bytesKey } from '../../base/bytes.ts';
import { CairnError } from '../../base/errors.ts';
import { openTarget } from '../../restorer/target/target.ts';
import type { RestoreResult } from '../../restorer/restore-options.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { RateMeter } from '../actions/rate-meter.ts';
import { assertMayWrite, type VaultRestoreOptions, type VaultRestoreResult } from '../actions/restore-action.ts';
import { retrieveObjects } from '../actions/retrieve-packs.ts';
import { assertOutsideVault, fileName, lastComponent } from '../actions/restore-destination.ts';
import { makeSelection } from '../actions/restore-selection.ts';
import { splitPath } from '../look/backup-entry.ts';
import { archiveRecord } from '../reference/backup-record.ts';
import { openStored } from './open-stored.ts';

interface Place {
  readonly target: string;
  /** What will be there afterwards, where that can be told. */
  readonly destination: string;
  readonly root: readonly string[] | undefined;
  /** The name at the top of the archive; nothing else may be written. */
  readonly within?: string | undefined;
}

export async function restoreArchive(
  context: ActionContext,
  archive: StoredArchive,
  options: VaultRestoreOptions,
): Promise<VaultRestoreResult> {
  const { repository, settings, signal } = context;
  refuseUnsupported(options);
  const { select, assertMatched } = makeSelection(options);
  const place = placeOf(archive, options);
  const vaultPath = repository.origin.features.localPath;
  await assertOutsideVault(place.destination, vaultPath, { deletes: false });
  const dryRun = options.dryRun === true;
  const retrieval = await retrieveObjects({ ...context, dryRun }, [archive.object], options.retrieval);
  if (dryRun && retrieval !== undefined && retrieval.coldObjects + retrieval.retrievingObjects > 0) {
    return { ...foreseen(archive), backup: archiveRecord(archive), destination: place.destination, retrieval };
  }
  const opened = await openStored({ storage: repository.origin, settings, signal }, archive, options);
  await assertMayWrite(archiveRecord(archive), place.destination, options);
  const target = openTarget(place.target, vaultPath, dryRun);
  const meter = new ArchiveMeter(context, archive, opened.fetched);
  try {
    using writer = new TreeWriter({
      target,
      overwrite: options.overwrite ?? 'always',
      select,
      root: place.root,
      within: place.within,
      dryRun,
      sparse: options.sparse === true,
      onProblem: options.onProblem,
    });
    try {
      await readEntries(opened.tar, writer, () => meter.tick(writer.counts, writer.problems.count));
    } catch (error) {
      throw afterSome(error, writer.counts, dryRun);
    } finally {
      if (!dryRun) writer.finish();
    }
    assertFound(place, writer.counts);
    assertMatched();
    const found = retrieval === undefined ? {} : { retrieval };
    return { ...resultOf(writer), backup: archiveRecord(archive), destination: place.destination, ...found };
  } finally {
    target.close();
  }
}

function refuseUnsupported({ delete: deletes, verify }: VaultRestoreOptions): void {
  if (deletes !== true && verify !== true) return;
  const what = deletes === true ? '--delete' : '--verify';
  throw new CairnError(
    'NOT_SUPPORTED',
    `${what} is not there for archives, which are read once from their start to their end`,
    {
      hint: 'Everything read is verified in any case. For more, make a snapshot of it (`cairn import --as-snapshot`) and restore that.',
    },
  );
}

function placeOf({ sidecar }: StoredArchive, options: VaultRestoreOptions): Place {
  const to = path.resolve(options.to);
  const [only, ...others] = sidecar.paths.some(leadsUp) ? [] : sidecar.paths;
  if (options.path !== undefined) {
    const root = splitPath(options.path).map(bytesKey);
    const last = root.at(-1);
    const destination = last === undefined ? to : path.join(to, fileName(Buffer.from(last, 'latin1')));
    return { target: to, destination, root };
  }
  if (only === undefined || others.length > 0) return { target: to, destination: to, root: undefined };
  const target = options.absolute === true ? path.join(to, path.dirname(only)) : to;
  if (only === '/') return { target, destination: target, root: undefined };
  const within = lastComponent(only);
  return { target, destination: path.join(target, within), root: undefined, within };
}

/** A sidecar is not authenticated: whoever may write the storage could lead a restore anywhere. */
function leadsUp(recorded: string): boolean {
  return recorded.split(/[\\/]/u).includes('..');
}

/** Damage may show when half is restored already; the files that are there are whole. */
function afterSome(error: unknown, { files }: ExtractCounts, dryRun: boolean): unknown {
  if (dryRun || files === 0 || !(error instanceof CairnError) || error.code === 'TARGET_FULL') return error;
  const { code, hint, retry, facts } = error;
  const message = `${error.message}; ${files} files were restored before that showed`;
  return new CairnError(code, message, {
    cause: error,
    retry,
    facts: { ...facts, files },
    ...(hint === undefined ? {} : { hint }),
  });
}

function assertFound({ root }: Place, { files, directories, skipped }: ExtractCounts): void {
  if (root === undefined || root.length === 0 || files + directories + skipped > 0) return;
  const shown = `/${root.map((part) => Buffer.from(part, 'latin1').toString('utf8')).join('/')}`;
  throw new CairnError('PATH_NOT_FOUND', `${shown} is not in this archive`, {
    hint: 'See what is there with `cairn ls`.',
    facts: { path: shown },
  });
}

function resultOf({ counts, problems }: TreeWriter): RestoreResult {
  return {
    status: problems.count === 0 ? 'complete' : 'partial',
    filesRestored: counts.files,
    filesSkipped: counts.skipped,
    filesDeleted: 0,
    directories: counts.directories,
    bytesRestored: counts.bytes,
    bytesTotal: counts.totalBytes,
    problems: problems.kept,
    problemCount: problems.count,
  };
}

/** The counts of the sidecar, for a dry run of an archive that cannot be read yet. */
function foreseen({ sidecar }: StoredArchive): RestoreResult {
  return {
    status: 'complete',
    filesRestored: sidecar.fileCount,
    filesSkipped: 0,
    filesDeleted: 0,
    directories: sidecar.directoryCount,
    bytesRestored: sidecar.sourceBytes,
    bytesTotal: sidecar.sourceBytes,
    problems: [],
    problemCount: 0,
  };
}

const TICK_MS = 100;

class ArchiveMeter {
  readonly #context: ActionContext;
  readonly #archive: StoredArchive;
  readonly #fetched: () => number;
  readonly #rate = new RateMeter();
  #toldAt = 0;

  constructor(context: ActionContext, archive: StoredArchive, fetched: () => number) {
    this.#context = context;
    this.#archive = archive;
    this.#fetched = fetched;
  }

  /** Reports progress, and lets timers and requests have their turn now and then. */
  tick({ files, bytes }: ExtractCounts, errors: number): Promise<void> | undefined {
    const now = performance.now();
    if (now - this.#toldAt < TICK_MS) return undefined;
    this.#toldAt = now;
    const { sizeBytes, sidecar } = this.#archive;
    const fetched = this.#fetched();
    this.#rate.note(fetched);
    const { rate } = this.#rate;
    const etaMs = this.#rate.etaMs(fetched, sizeBytes);
    this.#context.report({
      phase: 'restore',
      completed: fetched,
      total: sizeBytes,
      unit: 'bytes',
      description: '',
      bytes,
      totalBytes: sidecar.sourceBytes,
      files,
      totalFiles: sidecar.fileCount,
      errors,
      ...(rate === undefined ? {} : { rate }),
      ...(etaMs === undefined ? {} : { etaMs }),
    });
    return new Promise((resolve) => setImmediate(resolve));
  }
}
