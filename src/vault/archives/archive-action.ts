import type { Source, SourceProblem } from '../../archiver/source.ts';
import type { ArchiveCodec } from '../../archives/codec.ts';
import { putArchive } from '../../archives/shelf/write-archive.ts';
import { makeArchive } from '../../archives/write/make-archive.ts';
import { utf8Lossy } from '../../base/bytes.ts';
import { CairnArgumentError } from '../../base/errors.ts';
import type { Progress } from '../../base/job.ts';
import type { Secret } from '../../base/secret.ts';
import type { Storage } from '../../storage/storage.ts';
import type { BackupProblem } from '../actions/backup-action.ts';
import { assertName } from '../actions/backup-name.ts';
import { type BackupSource, openSource } from '../actions/backup-source.ts';
import { SourceProgress } from '../actions/source-progress.ts';
import { programVersion } from '../program-version.ts';
import { type ArchiveDetails, archiveDetails } from '../reference/backup-details.ts';
import { momentStart } from '../reference/moment.ts';
import type { VaultNotice } from '../vault-options.ts';
import { sealFor, type SealOptions } from './archive-access.ts';
import { describeSettled } from './describe-settled.ts';

export interface ArchiveOptions extends SealOptions {
  /** The name to find it by; the last component of the path by default. Several paths need one. */
  readonly name?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  /** The time to record; now by default. */
  readonly time?: Date | string | undefined;
  /** The host to record; this machine's name by default. */
  readonly host?: string | undefined;
  /** `zstd` by default. */
  readonly codec?: ArchiveCodec | undefined;
  /** Storage class of the object, such as `GLACIER`. */
  readonly coldClass?: string | undefined;
  /** Count the source while it is read, so that progress has totals and an ETA. */
  readonly estimate?: boolean | undefined;
  readonly onProblem?: ((problem: BackupProblem) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ArchiveResult extends Omit<ArchiveDetails, 'problems'> {
  /** `partial`: something could not be read and is missing. */
  readonly status: 'complete' | 'partial';
  readonly problems: readonly BackupProblem[];
}

/** What making an archive needs: no repository, so a machine that cannot open one can do it. */
export interface ArchiveContext {
  readonly storage: Storage;
  /** The password of the vault, where it was opened with one. */
  readonly password: Secret | undefined;
  readonly jobs: number | undefined;
  readonly ageWorkFactor?: number | undefined;
  readonly notify: (notice: VaultNotice) => void;
  readonly signal: AbortSignal;
  readonly report: (progress: Progress) => void;
}

/** Throws `SOURCE_…`, `ARGUMENT_INVALID`, `NOT_SUPPORTED`, `STORAGE_…`; nothing is listed then. */
export async function runArchive(
  context: ArchiveContext,
  wanted: BackupSource,
  options: ArchiveOptions,
): Promise<ArchiveResult> {
  const { storage, signal } = context;
  const encryptTo = sealFor(options, context.password);
  const source = await openSource(wanted, {
    streamName: options.name ?? 'stdin',
    vaultPath: storage.features.localPath,
  });
  const name = nameOf(source, options.name);
  const time = options.time === undefined ? new Date() : new Date(Number(momentStart(options.time) / 1_000_000n));
  const codec = options.codec ?? 'zstd';
  const problems: BackupProblem[] = [];
  await using progress = new SourceProgress(source, context.report, options.estimate === true);
  await using content = await makeArchive(source, {
    name,
    time,
    codec,
    encryptTo,
    host: options.host,
    tags: options.tags,
    program: `cairn ${programVersion()}`,
    jobs: context.jobs,
    ageWorkFactor: context.ageWorkFactor,
    signal,
    onProblem: (problem) => {
      problems.push(describeProblem(problem));
      options.onProblem?.(describeProblem(problem));
    },
    onProgress: (state) => {
      const seen =
        'spooledBytes' in state
          ? { phase: 'read', bytes: state.spooledBytes, files: 0 }
          : { phase: 'archive', bytes: state.sourceBytes, files: state.files };
      progress.update({ ...seen, currentPath: state.path, errors: problems.length });
    },
  });
  const encrypted = encryptTo !== undefined;
  const archive = await putArchive(storage, { name, time, codec, encrypted }, content, {
    signal,
    coldClass: options.coldClass,
    onSettled: (settled) => context.notify({ level: 'info', message: describeSettled(settled) }),
  });
  return { ...archiveDetails(archive), status: problems.length === 0 ? 'complete' : 'partial', problems };
}

function nameOf({ paths }: Source, given: string | undefined): string {
  if (given !== undefined) {
    assertName(given);
    return given;
  }
  const [only, ...others] = paths;
  if (others.length > 0) {
    throw new CairnArgumentError('an archive of several paths needs a name', {
      hint: 'Give one with `name` (--name).',
    });
  }
  const name = (only ?? '').split('/').findLast((part) => part !== '') ?? 'root';
  assertName(name);
  return name;
}

function describeProblem({ path, code, message }: SourceProblem): BackupProblem {
  return { path: utf8Lossy(path), code, message };
}
