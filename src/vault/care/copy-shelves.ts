// Copies archives and values into another vault: their bytes as they are, compared with the hash that is known of them.
// What is there already is skipped, so that an interrupted copy goes on where it was.
import { intactBytes } from '../../archives/read/intact-bytes.ts';
import { readShelf, type StoredArchive } from '../../archives/shelf/read-shelf.ts';
import { putArchive } from '../../archives/shelf/write-archive.ts';
import { CairnError, hasCode, isCairnError, messageOf } from '../../base/errors.ts';
import { compareStamps, checksumOf } from '../../values/value-name.ts';
import { hasShelves, loadShelf, type StoredVersion } from '../../values/value-shelf.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { archiveEntry, valueEntry } from '../catalog/catalog-entry.ts';
import { archiveDetails } from '../reference/backup-details.ts';
import { archiveRecord } from '../reference/backup-record.ts';
import type { SelectedBackups } from '../reference/select-backups.ts';
import { archiveProgress } from '../archives/archive-progress.ts';
import { valueBackup } from '../values/value-backup.ts';
import { valuesContext } from '../values/values-context.ts';
import { archiveShelf } from './archive-shelf.ts';
import type { BackupCopy } from './copy-backups.ts';

type TargetVault = Pick<ActionContext, 'repository' | 'settings'>;

export interface ShelfCopies {
  readonly copies: readonly BackupCopy[];
  /** Bytes of what the target did not have. */
  readonly bytes: number;
  /** Bytes that were written; 0 in a plan. */
  readonly storedBytes: number;
}

interface ShelfPlan {
  readonly archives: readonly StoredArchive[];
  readonly values: readonly StoredVersion[];
  readonly present: readonly BackupCopy[];
  /** The result if all goes well. */
  readonly foreseen: ShelfCopies;
}

/**
 * Plans to copy the chosen archives and values that the target lacks. Throws `NOT_SUPPORTED` where it can hold none.
 */
export async function planShelves(
  { signal }: Pick<ActionContext, 'signal'>,
  target: TargetVault,
  { archives, values }: Pick<SelectedBackups, 'archives' | 'values'>,
): Promise<ShelfPlan> {
  if (archives.length + values.length > 0 && !hasShelves(target.repository.origin)) throw noShelves(target);
  const archiveCopies = await lookUpArchives(target, archives, signal);
  const valueCopies = await lookUpValues(target, values, signal);
  const missing = {
    archives: archives.filter((archive) => !archiveCopies.has(archive.object)),
    values: values.filter((version) => !valueCopies.has(version.object)),
  };
  const present = [...archiveCopies.values(), ...valueCopies.values()];
  const wanted: BackupCopy[] = [
    ...missing.archives.map((archive) => ({ outcome: 'copied' as const, backup: archiveRecord(archive), id: null })),
    ...missing.values.map((version) => ({ outcome: 'copied' as const, backup: valueBackup(version), id: null })),
  ];
  const bytes = [...missing.archives, ...missing.values].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { ...missing, present, foreseen: { copies: [...present, ...wanted], bytes, storedBytes: 0 } };
}

function noShelves({ repository: { origin } }: TargetVault): CairnError {
  return new CairnError(
    'NOT_SUPPORTED',
    `${origin.url} takes the files of a restic repository only, so no archives or values`,
    {
      hint: 'Copy snapshots alone, with --forms snapshot (in code: `forms`).',
    },
  );
}

/** Archives are recognised by their bytes: the later of two made in one second may have another name there. */
async function lookUpArchives(
  { repository, settings }: TargetVault,
  archives: readonly StoredArchive[],
  signal: AbortSignal,
): Promise<Map<string, BackupCopy>> {
  const found = new Map<string, BackupCopy>();
  if (archives.length === 0) return found;
  const onWarning = (message: string): void => settings.notify({ level: 'warning', message });
  const there = await readShelf(repository.origin, { signal, onWarning });
  const known = new Map(there.map((archive) => [identityOf(archive), archive.stored]));
  for (const archive of archives) {
    const id = known.get(identityOf(archive));
    if (id !== undefined) found.set(archive.object, { outcome: 'present', backup: archiveRecord(archive), id });
  }
  return found;
}

function identityOf({ sidecar: { name, storedSha256 } }: StoredArchive): string {
  return `${storedSha256} ${name}`;
}

/** A version that is being deleted in the target counts as there: it would go with the rest of that deletion. */
async function lookUpValues(
  { repository, settings }: TargetVault,
  values: readonly StoredVersion[],
  signal: AbortSignal,
): Promise<Map<string, BackupCopy>> {
  const found = new Map<string, BackupCopy>();
  if (values.length === 0) return found;
  const { keys } = await loadShelf(valuesContext(repository, settings), { signal });
  const states = new Map(keys.map((state) => [state.key, state]));
  for (const version of values) {
    const state = states.get(version.key);
    if (state === undefined) continue;
    const held = [...state.versions, ...state.deleted].some(({ object }) => object === version.object);
    const isDeleted = state.deletedUntil !== undefined && compareStamps(version.stamp, state.deletedUntil) <= 0;
    const backup = valueBackup(version);
    if (held || isDeleted) found.set(version.object, { outcome: 'present', backup, id: backup.id });
  }
  return found;
}

/** Copies one after the other. One that cannot be copied does not keep the others. */
export async function copyShelves(
  context: ActionContext,
  target: TargetVault,
  plan: ShelfPlan,
  onCopy: ((copy: BackupCopy) => void) | undefined,
): Promise<ShelfCopies> {
  const copies: BackupCopy[] = [...plan.present];
  let storedBytes = 0;
  const progress = archiveProgress(context, 'copy', plan.foreseen.bytes);
  const copyOne = async (
    backup: BackupCopy['backup'],
    sizeBytes: number,
    run: () => Promise<string>,
  ): Promise<void> => {
    context.signal.throwIfAborted();
    const copy = await outcomeOf(backup, run, context.signal);
    if (copy.outcome === 'copied') storedBytes += sizeBytes;
    copies.push(copy);
    onCopy?.(copy);
  };
  if (plan.archives.length === 0 && plan.present.length > 0) await settleArchives(target, context.signal);
  for (const archive of plan.archives) {
    await copyOne(archiveRecord(archive), archive.sizeBytes, () => copyArchive(context, target, archive, progress));
  }
  for (const version of plan.values) {
    await copyOne(valueBackup(version), version.sizeBytes, () => copyValue(context, target, version, progress));
  }
  return { copies, bytes: plan.foreseen.bytes, storedBytes };
}

/** What a killed copy left of its last archive: with nothing more to write, nobody else looks at it. */
async function settleArchives({ repository, settings }: TargetVault, signal: AbortSignal): Promise<void> {
  try {
    await archiveShelf({ repository, settings, signal }).settle?.();
  } catch (error) {
    signal.throwIfAborted();
    settings.notify({ level: 'warning', message: `what an earlier run left stays: ${messageOf(error)}` });
  }
}

async function outcomeOf(
  backup: BackupCopy['backup'],
  run: () => Promise<string>,
  signal: AbortSignal,
): Promise<BackupCopy> {
  try {
    return { outcome: 'copied', backup, id: await run() };
  } catch (error) {
    signal.throwIfAborted();
    if (!isCairnError(error) || !damage.some((code) => hasCode(error, code))) throw error;
    return { outcome: 'failed', backup, code: error.code, message: messageOf(error) };
  }
}

/** Errors that concern one archive or value; any other, such as a full target, stops the copy. */
const damage = ['ARCHIVE_CORRUPT', 'VALUE_CORRUPT', 'OBJECT_MISSING', 'OBJECT_TRUNCATED', 'OBJECT_COLD'] as const;

async function copyArchive(
  { repository, signal }: ActionContext,
  target: TargetVault,
  archive: StoredArchive,
  progress: (bytes: number) => void,
): Promise<string> {
  const { sidecar } = archive;
  const { name, time, codec, encryption } = sidecar;
  const chunks = intactBytes(repository.origin, archive, { onBytes: progress, signal });
  const copy = await putArchive(
    target.repository.origin,
    { name, time, codec, encrypted: encryption !== 'none' },
    { chunks, describe: () => sidecar },
    { signal },
  );
  target.settings.catalog?.recordBackup(archiveEntry(archiveDetails(copy)));
  return copy.stored;
}

async function copyValue(
  { repository, signal }: ActionContext,
  target: TargetVault,
  version: StoredVersion,
  progress: (bytes: number) => void,
): Promise<string> {
  const { object, checksum } = version;
  const backup = valueBackup(version);
  const bytes = await repository.origin.read(object, { signal });
  if (checksumOf(bytes) !== checksum) {
    throw new CairnError(
      'VALUE_CORRUPT',
      `the value ${backup.id} is damaged: its bytes are not those that were written`,
    );
  }
  try {
    await target.repository.origin.write(object, bytes, { ifAbsent: true, signal });
  } catch (error) {
    // The name holds a checksum, so what is there is the same.
    if (!hasCode(error, 'OBJECT_EXISTS')) throw error;
  }
  progress(bytes.length);
  target.settings.catalog?.recordBackup(valueEntry(backup));
  return backup.id;
}
