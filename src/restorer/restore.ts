import os from 'node:os';
import { resolve } from 'node:path';
import { utf8Lossy } from '../base/bytes.ts';
import { CairnError } from '../base/errors.ts';
import type { BlobId } from '../base/ids.ts';
import { openPosix } from '../base/posix/open-posix.ts';
import { idToBytes } from '../base/ids.ts';
import { BLOB_TREE } from '../repository/index/blob-index.ts';
import { loadIndex } from '../repository/index/load-index.ts';
import type { Repository } from '../repository/repository.ts';
import { columnValues } from '../base/column.ts';
import { compareFiles, planChanges } from './plan/compare-stage.ts';
import { ContentRestore } from './content/content-restore.ts';
import { FileWay } from './content/content-plan.ts';
import { deleteExtra } from './target/delete-extra.ts';
import { DirectoryTable, ROOT_DIRECTORY } from './plan/directory-table.ts';
import { estimateRestore } from './plan/dry-run.ts';
import { EntryPlanner, type EntryPlan } from './plan/entry-planner.ts';
import { finishDirectories, restoreLinks, restoreMetadataOnly, restorePlainEntries } from './target/finish-stages.ts';
import { PartFiles } from './content/part-files.ts';
import { RecordStore } from './records/record-store.ts';
import { RestoreMeter } from './restore-meter.ts';
import type { RestoreOptions, RestoreResult } from './restore-options.ts';
import { ProblemList, type RestoredPlace } from './restore-problem.ts';
import { shownPath, type RestoreRun } from './restore-run.ts';
import { findStart, type RestoreStart } from './plan/start-tree.ts';
import { openTarget } from './target/target.ts';
import { TargetDirectories } from './target/target-directories.ts';
import { TreeWalk } from './plan/tree-walk.ts';
import { RestoreWorkers } from './restore-workers.ts';

const MAX_DEFAULT_JOBS = 8;

/**
 * Restores a snapshot, or a part of it, into a directory. Damage in the vault and trouble with single
 * entries end up in `problems` and make the result `partial`; everything else is restored.
 *
 * Nothing is ever written outside the target, whatever the trees say and whatever happens in the target
 * meanwhile. New files of one blob appear complete; larger ones are written in place under their final
 * name and removed again if they cannot be completed; an existing file that could not be brought to
 * the recorded content is told as damaged.
 *
 * Throws `TARGET_INVALID`, `TARGET_INSIDE_VAULT`, `TARGET_FULL`, `PATH_NOT_FOUND`, `ABORTED`'s reason,
 * or what opening the index throws.
 */
export async function restore(repository: Repository, options: RestoreOptions): Promise<RestoreResult> {
  const signal = options.signal ?? new AbortController().signal;
  signal.throwIfAborted();
  if (options.delete === true) refuseEmptyingRoot(options);
  const { localPath } = repository.storage.features;
  await using workers = options.workers ?? startRestoreWorkers(options.jobs);
  const index = options.index ?? (await loadIndex(repository, { signal }));
  const start = await findStart(repository, index, options.snapshot.tree, options.root ?? [], signal);
  const target = openTarget(options.target, localPath, options.dryRun === true);
  const stop = new SharedArrayBuffer(4);
  const onAbort = (): void => void Atomics.store(new Int32Array(stop), 0, 1);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    workers.setup({
      index: index.memory,
      key: repository.key,
      localPath,
      root: target.fd,
      umask: target.umask,
      privileged: target.privileged,
      sparse: options.sparse === true,
      stop,
    });
    const store = new RecordStore();
    const problems = new ProblemList(options.onProblem, placeOf(options, start));
    const meter = new RestoreMeter(options.onProgress, () => problems.count);
    const directories = new DirectoryTable(store);
    const posix = openPosix();
    const failed = new Set<number>();
    const run = {
      repository,
      index,
      workers,
      posix,
      target,
      options,
      signal,
      store,
      directories,
      problems,
      meter,
      failed,
    };
    return await runStages(run, start);
  } catch (error) {
    onAbort();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    target.close();
  }
}

/**
 * Starts the worker threads of a restore. Called before the vault is opened, they load while the password is
 * turned into a key. Give them to `restore`, or dispose of them.
 */
export function startRestoreWorkers(jobs?: number): RestoreWorkers {
  // Loads the native library here first, where the threads then find it (src/base/posix/koffi.ts).
  openPosix();
  return new RestoreWorkers(jobs ?? Math.min(os.availableParallelism(), MAX_DEFAULT_JOBS));
}

function placeOf({ root = [], target }: RestoreOptions, { kind }: RestoreStart): RestoredPlace {
  // One entry alone goes into the target under its own name.
  const folder = kind === 'entry' ? root.slice(0, -1) : root;
  return { source: folder.map((name) => `/${utf8Lossy(name)}`).join(''), target: resolve(target) };
}

async function runStages(run: RestoreRun, start: RestoreStart): Promise<RestoreResult> {
  const { options, meter, problems } = run;
  using target = new TargetDirectories(run);
  meter.enter('plan');
  const plan = await planEntries(run, target, start);
  if (options.dryRun === true) {
    estimateRestore(run, target, plan);
    await announcePacks(run, plan);
    meter.tick();
    return resultOf(run);
  }
  await planChanges(run, target, plan);
  await announcePacks(run, plan);
  meter.enter('restore');
  await restorePlainEntries(run, plan);
  await restoreContent(run, plan);
  meter.enter('finish');
  restoreMetadataOnly(run, plan);
  restoreLinks(run, plan);
  if (options.delete === true && problems.count === 0) meter.deleted = deleteExtra(run, plan.extra);
  finishDirectories(run);
  if (options.verify === true) await verify(run, plan);
  meter.tick();
  return resultOf(run);
}

async function announcePacks({ options, index }: RestoreRun, { content }: EntryPlan): Promise<void> {
  await options.beforeContent?.(content.packNumbers().map((number) => index.packId(number)));
}

async function planEntries(run: RestoreRun, target: TargetDirectories, start: RestoreStart): Promise<EntryPlan> {
  const planner = new EntryPlanner(run, target, (directory, blob) => walk.descend(directory, blob));
  const walk = new TreeWalk(run, planner);
  if (start.kind === 'entry') {
    const reference = run.store.add(start.record(run.index));
    planner.visit(ROOT_DIRECTORY, reference, run.store.at(reference));
    return planner.plan;
  }
  if (start.kind === 'directory') {
    run.directories.setRecord(ROOT_DIRECTORY, run.store.add(start.record(run.index)));
  }
  walk.descend(ROOT_DIRECTORY, treeRecord(run, start.tree));
  await walk.finish();
  return planner.plan;
}

function treeRecord(run: RestoreRun, tree: BlobId): number {
  const record = run.index.find(BLOB_TREE, idToBytes(tree));
  if (record >= 0) return record;
  throw new CairnError('BLOB_MISSING', `the root tree ${tree} is not in the index`, {
    hint: 'Run `cairn check`. `restic repair index` finds packs that no index lists; the next backup saves again what is gone.',
  });
}

async function restoreContent(run: RestoreRun, plan: EntryPlan): Promise<void> {
  const { content } = plan;
  using parts = new PartFiles(run, content);
  for (let file = 0; file < content.fileCount; file++) {
    if (content.way(file) === FileWay.patch && content.writeCount(file) === 0) parts.touch(file);
  }
  await new ContentRestore(run, content, parts).run();
}

async function verify(run: RestoreRun, plan: EntryPlan): Promise<void> {
  run.meter.enter('verify');
  const { content } = plan;
  function* restored(): Generator<number> {
    for (let file = 0; file < content.fileCount; file++) {
      if (!run.failed.has(content.reference(file))) yield content.reference(file);
    }
    yield* columnValues(plan.metadataOnly);
  }
  await compareFiles(run, restored(), (reference, differing) => {
    if (differing?.length === 0) return;
    const why = differing === undefined ? 'it cannot be read again' : 'its content is not what was written';
    run.problems.add(shownPath(run, reference), 'RESTORE_FAILED', `verification failed: ${why}`);
  });
}

function refuseEmptyingRoot({ target, select }: RestoreOptions): void {
  if (select !== undefined || !/^\/+$/.test(target)) return;
  throw new CairnError('ARGUMENT_INVALID', 'deleting extra files in / needs a selection of what may be deleted');
}

function resultOf({ problems, meter, directories }: RestoreRun): RestoreResult {
  return {
    status: problems.count === 0 ? 'complete' : 'partial',
    filesRestored: meter.files,
    filesSkipped: meter.skipped,
    filesDeleted: meter.deleted,
    directories: directories.count - 1,
    bytesRestored: meter.bytes,
    bytesTotal: meter.totalBytes,
    problems: problems.kept,
    problemCount: problems.count,
  };
}
