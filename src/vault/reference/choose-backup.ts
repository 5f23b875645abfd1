// Which backup a reference means, over all forms.
import { readShelf, type StoredArchive } from '../../archives/shelf/read-shelf.ts';
import { CairnError } from '../../base/errors.ts';
import { isId, type SnapshotId } from '../../base/ids.ts';
import { parseStoredName } from '../../archives/stored-name.ts';
import { localGoTime } from '../../formats/go-time.ts';
import { msToNs } from '../../base/clock.ts';
import type { Repository } from '../../repository/repository.ts';
import type { SnapshotRecord } from '../../repository/snapshots.ts';
import { loadSnapshots, type VaultSettings } from '../vault-session.ts';
import { type BackupFilter, matcherOf } from './backup-filter.ts';
import { chooseSnapshot, type ReferenceOptions } from './choose-snapshot.ts';

export interface ChooseContext {
  readonly repository: Repository;
  readonly settings: VaultSettings;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The archive that a reference means, or `undefined` where it means a snapshot or nothing. Costs one listing where no archive
 * can be meant. Throws `REF_AMBIGUOUS`.
 */
export async function chooseArchive(
  context: ChooseContext,
  reference: string,
  options: ReferenceOptions,
): Promise<StoredArchive | undefined> {
  if (isId(reference)) return undefined;
  const archives = await readArchives(context, nameIn(reference));
  if (archives.length === 0) return undefined;
  const byStoredName = archiveByStoredName(archives, reference);
  if (byStoredName !== undefined) return byStoredName;
  const asSnapshots = new Map(archives.map((archive) => [asSnapshot(archive), archive]));
  const snapshots = await loadSnapshots(context.repository, context.settings, context.signal);
  const all = [...snapshots, ...asSnapshots.keys()].sort((a, b) => (a.snapshot.time.ns < b.snapshot.time.ns ? -1 : 1));
  return asSnapshots.get(chooseSnapshot(all, reference, options));
}

/** All archives, or those of a name, oldest first. */
export function readArchives({ repository, settings, signal }: ChooseContext, name?: string): Promise<StoredArchive[]> {
  return readShelf(repository.origin, {
    signal,
    name,
    onWarning: (message) => settings.notify({ level: 'warning', message }),
  });
}

/** A test of archives, with the filters of snapshots. */
export function archiveMatcher(filter: BackupFilter): (archive: StoredArchive) => boolean {
  const matches = matcherOf(filter);
  return (archive) => matches(asSnapshot(archive));
}

/** The name whose folder holds every archive that can be meant; `undefined` for all. */
function nameIn(reference: string): string | undefined {
  if (reference === 'latest' || reference.startsWith('latest@')) return undefined;
  const at = reference.lastIndexOf('@');
  const withoutTime = at > 0 ? reference.slice(0, at) : reference;
  return parseStoredName(reference)?.name ?? /^(.+)\.\d{8}(?:T\d{0,6}Z?)?$/u.exec(reference)?.[1] ?? withoutTime;
}

/** By its stored name, or the beginning of it with at least the day. */
function archiveByStoredName(archives: readonly StoredArchive[], reference: string): StoredArchive | undefined {
  const exact = archives.find(({ stored }) => stored === reference);
  if (exact !== undefined || !/\.\d{8}/u.test(reference)) return exact;
  const candidates = archives.filter(({ stored }) => stored.startsWith(reference));
  if (candidates.length <= 1) return candidates[0];
  const shown = candidates.slice(0, 10).map(({ stored }) => stored);
  throw new CairnError('REF_AMBIGUOUS', `"${reference}" can mean ${shown.join('; ')}`, {
    hint: 'Give more of the stored name.',
    facts: { ref: reference, candidates: candidates.map(({ stored }) => stored) },
  });
}

/**
 * An archive as references and filters see snapshots. Its two ids are none, so that no prefix can mean them: hence the
 * casts. It never leaves this file.
 */
function asSnapshot({ stored, sidecar }: StoredArchive): SnapshotRecord {
  const { name, time, host, tags, paths } = sidecar;
  return {
    id: `archive ${stored}` as SnapshotId,
    snapshot: {
      time: localGoTime(msToNs(time.getTime())),
      tree: '' as SnapshotRecord['snapshot']['tree'],
      paths,
      hostname: host,
      username: '',
      uid: 0,
      gid: 0,
      excludes: [],
      // The name as a tag wins over the paths, as in a snapshot. Not checked: one bad sidecar must not hide the others.
      tags: [...tags, `name:${name}`],
      extra: {},
    },
  };
}
