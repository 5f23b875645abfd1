// A backup as an archive file: an archive as it is stored, a snapshot as an archive made of it.
import type { ArchiveCodec } from '../../archives/codec.ts';
import { intactBytes } from '../../archives/read/intact-bytes.ts';
import type { StoredArchive } from '../../archives/shelf/read-shelf.ts';
import { formatStoredName } from '../../archives/stored-name.ts';
import { archiveStream, type StreamTotals } from '../../archives/write/archive-stream.ts';
import { BlockCompressor } from '../../archives/write/block-compressor.ts';
import { ChunkFeed } from '../../archives/write/chunk-feed.ts';
import { collectYoung } from '../../base/collect-young.ts';
import { hasCode } from '../../base/errors.ts';
import { ageEncryptor } from '../../formats/age/age-file.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { type RetrievalOptions, retrieveObjects } from '../actions/retrieve-packs.ts';
import { lookDump } from '../look/look-inside.ts';
import { archiveRecord, type BackupRecord, backupRecord } from '../reference/backup-record.ts';
import { chooseArchive } from '../reference/choose-backup.ts';
import { chooseSnapshot, type ReferenceOptions } from '../reference/choose-snapshot.ts';
import { loadSnapshots } from '../vault-session.ts';
import { sealFor, type SealOptions } from './archive-access.ts';
import { type ArchiveOutput, writeOutput } from './archive-output.ts';
import { archiveProgress } from './archive-progress.ts';

export interface ExportOptions extends ReferenceOptions, SealOptions {
  /** Where to: a path, or a function that takes the bytes. It is told the name that says what it is. */
  readonly to: (storedName: string) => ArchiveOutput;
  /** Replace a file that exists. */
  readonly replace?: boolean | undefined;
  /** Of a snapshot: `zstd` by default. An archive is written as it is. */
  readonly codec?: ArchiveCodec | undefined;
  /** How what lies in cold storage comes back. */
  readonly retrieval?: RetrievalOptions | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ExportResult {
  readonly backup: BackupRecord;
  /** The name that says what it is. */
  readonly storedName: string;
  readonly sizeBytes: number;
  /** SHA-256 in hexadecimal. */
  readonly sha256: string;
}

/** Throws `REF_UNKNOWN`, `REF_AMBIGUOUS`, `TARGET_EXISTS`, …; a file is whole or not there. */
export async function exportBackup(
  context: ActionContext,
  reference: string,
  options: ExportOptions,
): Promise<ExportResult> {
  const archive = await chooseArchive(context, reference, options);
  return archive === undefined ? exportSnapshot(context, reference, options) : exportStored(context, archive, options);
}

async function exportStored(
  context: ActionContext,
  archive: StoredArchive,
  options: ExportOptions,
): Promise<ExportResult> {
  const { repository, signal } = context;
  const { object, stored, sizeBytes, sidecar } = archive;
  await retrieveObjects({ ...context, dryRun: false }, [object], options.retrieval);
  const progress = archiveProgress(context, 'export', sizeBytes);
  const chunks = intactBytes(repository.origin, archive, { onBytes: progress, signal });
  await writeOutput(options.to(stored), chunks, { replace: options.replace === true, signal });
  return { backup: archiveRecord(archive), storedName: stored, sizeBytes, sha256: sidecar.storedSha256 };
}

async function exportSnapshot(
  context: ActionContext,
  reference: string,
  options: ExportOptions,
): Promise<ExportResult> {
  const { repository, settings, signal } = context;
  const record = chooseSnapshot(await loadSnapshots(repository, settings, signal), reference, options);
  const backup = backupRecord(record);
  const codec = options.codec ?? 'zstd';
  const encryptTo = sealFor(options, settings.password);
  const name = backup.name.replaceAll('/', '_').replaceAll(', ', '+');
  const storedName = formatStoredName({
    name,
    time: backup.time,
    sequence: 1,
    codec,
    encrypted: encryptTo !== undefined,
  });
  const encryptor =
    encryptTo === undefined ? undefined : await ageEncryptor(encryptTo, { workFactor: settings.ageWorkFactor });
  const totals: StreamTotals = { tarBytes: 0, storedBytes: 0, tarSha256: '', storedSha256: '' };
  await using compressor = new BlockCompressor(codec, settings.jobs);
  const progress = archiveProgress(context, 'export', backup.bytes ?? undefined);
  const tar = counted(snapshotTar(context, backup.id, backup.paths, options.retrieval), progress);
  const chunks = archiveStream(new ChunkFeed(tar), { compressor, encryptor, totals, signal, onProgress: () => {} });
  await writeOutput(options.to(storedName), copied(chunks), { replace: options.replace === true, signal });
  return { backup, storedName, sizeBytes: totals.storedBytes, sha256: totals.storedSha256 };
}

/** Names begin at the last component of a single path, as in an archive of it. */
async function* snapshotTar(
  context: ActionContext,
  id: string,
  paths: readonly string[],
  retrieval: RetrievalOptions | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const dump = { format: 'tar', retrieval, onProgress: context.report } as const;
  const [only, ...others] = paths;
  const own = others.length === 0 && only !== undefined ? only : '/';
  let started = false;
  try {
    for await (const chunk of lookDump(context, id, own, dump)) {
      started = true;
      yield chunk;
    }
  } catch (error) {
    // restic stores a relative path from its own root.
    if (started || own === '/' || !hasCode(error, 'PATH_NOT_FOUND')) throw error;
    yield* lookDump(context, id, '/', dump);
  }
}

/**
 * Copies of the pieces: a consumer such as a stream of Node keeps them, and the memory of an archive stream is reused.
 */
async function* copied(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) {
    yield chunk.slice();
    collectYoung();
  }
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  progress: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    yield chunk;
    progress(chunk.length);
  }
}
