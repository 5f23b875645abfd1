// Checks the shelf of archives.
import { createHash } from 'node:crypto';
import { openArchive } from '../../archives/read/open-archive.ts';
import { objectBytes, streamFrom } from '../../archives/read/object-bytes.ts';
import { readEntries } from '../../archives/read/read-entries.ts';
import { readSidecar } from '../../archives/shelf/read-shelf.ts';
import { isLeftover } from '../../archives/shelf/settle-shelf.ts';
import {
  isComplete,
  listShelf,
  markerOf,
  type ShelfItem,
  sidecarOf,
  tombstoneOf,
} from '../../archives/shelf/shelf-listing.ts';
import type { Sidecar } from '../../archives/sidecar.ts';
import type { TarEntry } from '../../formats/tar/tar-entry.ts';
import { mapConcurrent } from '../../base/concurrency.ts';
import { hasCode, messageOf } from '../../base/errors.ts';
import { type Finding, makeFinding } from '../../repository/check/finding.ts';
import type { Storage } from '../../storage/storage.ts';
import type { VaultSettings } from '../vault-session.ts';
import { type ArchiveKeys, askKeys } from './archive-access.ts';

export interface CheckArchivesOptions extends ArchiveKeys {
  readonly storage: Storage;
  readonly settings: VaultSettings;
  /** Read all of them: hash what is stored, and decrypt and read what can be opened. */
  readonly readData: boolean;
  readonly signal: AbortSignal;
  readonly onFinding: (finding: Finding) => void;
  readonly onProgress: (progress: {
    readonly archives: number;
    readonly total: number;
    readonly bytes: number;
  }) => void;
}

const READS = 8;

/** Returns how many complete archives there are. */
export async function checkArchives(options: CheckArchivesOptions): Promise<{ readonly archives: number }> {
  const { storage, signal, onFinding } = options;
  const items = await listShelf(storage, { signal });
  let checked = 0;
  let bytes = 0;
  // Reading is bound by the line; looking at sidecars by its delay.
  const found = await mapConcurrent(items, { limit: options.readData ? 1 : READS, signal }, async (item) => {
    const findings = await checkItem(item, options);
    if (options.readData) findings.forEach((finding) => onFinding(finding));
    bytes += item.sizeBytes ?? 0;
    options.onProgress({ archives: ++checked, total: items.length, bytes });
    return findings;
  });
  // Findings of archives that were read at the same time are told in the order of their names.
  if (!options.readData) found.flat().forEach((finding) => onFinding(finding));
  return { archives: items.filter(isComplete).length };
}

async function checkItem(item: ShelfItem, options: CheckArchivesOptions): Promise<Finding[]> {
  const { storage, signal } = options;
  const { object } = item;
  if (item.hasTombstone) {
    const message = 'its deletion was begun and not finished; the next deletion or archive finishes it';
    return [makeFinding('archive-leftover', tombstoneOf(object), message)];
  }
  const marked = item.hasMarker && (await isLeftover(storage, object, { signal })) ? [leftMarker(item)] : [];
  if (item.hasMarker && !item.hasSidecar) return marked;
  return [...marked, ...(await checkWritten(item, options))];
}

function leftMarker({ object, hasSidecar }: ShelfItem): Finding {
  const message = hasSidecar
    ? 'the mark of a run that ended; the archive is complete'
    : 'a run was stopped while it wrote this archive; the next one that archives or deletes removes what there is';
  return makeFinding('archive-leftover', markerOf(object), message);
}

async function checkWritten(item: ShelfItem, options: CheckArchivesOptions): Promise<Finding[]> {
  const { object } = item;
  if (item.sizeBytes === undefined) {
    return [makeFinding('archive-missing', object, 'it is described by its sidecar, and is not there')];
  }
  if (!item.hasSidecar) {
    const message = 'it has no sidecar, so it is not listed; `cairn import` takes it in from a file';
    return [makeFinding('archive-unknown', object, message)];
  }
  return checkComplete(item, item.sizeBytes, options);
}

async function checkComplete(item: ShelfItem, sizeBytes: number, options: CheckArchivesOptions): Promise<Finding[]> {
  const { storage, signal } = options;
  const { object } = item;
  let sidecar: Sidecar;
  try {
    sidecar = await readSidecar(storage, item, signal);
  } catch (error) {
    // Deleted since the listing.
    if (hasCode(error, 'OBJECT_MISSING')) return [];
    if (!hasCode(error, 'ARCHIVE_CORRUPT') && !hasCode(error, 'VAULT_UNSUPPORTED')) throw error;
    return [makeFinding('archive-damaged', sidecarOf(object), error.message)];
  }
  if (sidecar.storedBytes !== sizeBytes) {
    const message = `it has ${sizeBytes} bytes and not ${sidecar.storedBytes} as its sidecar says`;
    return [makeFinding('archive-damaged', object, message)];
  }
  return options.readData ? readAll(object, sidecar, options) : [];
}

/** What cannot be opened is hashed all the same: a machine that only writes can check what it wrote. */
async function readAll(object: string, sidecar: Sidecar, options: CheckArchivesOptions): Promise<Finding[]> {
  const { storage, settings, signal } = options;
  const source = objectBytes(storage, object, sidecar.storedBytes);
  try {
    const identities = askKeys(options, settings.password);
    const { tar } = await openArchive(source, { sidecar, identities, signal });
    const found = { fileCount: 0, directoryCount: 0, sourceBytes: 0 };
    const entry = ({ kind, sizeBytes }: TarEntry): void => {
      found[kind === 'dir' ? 'directoryCount' : 'fileCount']++;
      found.sourceBytes += Number(sizeBytes);
    };
    await readEntries(tar, { entry, data: () => {}, end: () => {}, unknown: () => {} });
    return falseCounts(sidecar, found).map((lie) => makeFinding('archive-damaged', sidecarOf(object), lie));
  } catch (error) {
    signal.throwIfAborted();
    const isLocked = lockedCodes.some((code) => hasCode(error, code));
    if (!isLocked && !damageCodes.some((code) => hasCode(error, code))) throw error;
    if (hasCode(error, 'OBJECT_COLD')) return [makeFinding('archive-unopened', object, COLD)];
    if (!isLocked) return [makeFinding('archive-damaged', object, messageOf(error))];
    return hashOnly(object, sidecar, options);
  }
}

/** What the sidecar says of the content that its hashes do not cover. Of a file that shrank while it was read, fewer bytes are content. */
function falseCounts(
  sidecar: Sidecar,
  found: Pick<Sidecar, 'fileCount' | 'directoryCount' | 'sourceBytes'>,
): readonly string[] {
  const counts = sidecar.problems > 0 ? (['fileCount', 'directoryCount'] as const) : allCounts;
  return counts
    .filter((count) => sidecar[count] !== found[count])
    .map((count) => `it says ${count} ${sidecar[count]}, and the archive holds ${found[count]}`);
}

const allCounts = ['fileCount', 'directoryCount', 'sourceBytes'] as const;

const COLD = 'it lies in cold storage, so its bytes were not read; `cairn export` retrieves and verifies it';

const lockedCodes = ['PASSWORD_WRONG', 'PASSWORD_MISSING', 'IDENTITY_WRONG', 'IDENTITY_MISSING'] as const;
const damageCodes = [
  'ARCHIVE_CORRUPT',
  'ARCHIVE_TOO_LARGE',
  'SEAL_BROKEN',
  'FORMAT_INVALID',
  'OBJECT_TRUNCATED',
  'OBJECT_COLD',
] as const;

async function hashOnly(
  object: string,
  sidecar: Sidecar,
  { storage, signal }: CheckArchivesOptions,
): Promise<Finding[]> {
  const hash = createHash('sha256');
  for await (const piece of streamFrom(objectBytes(storage, object, sidecar.storedBytes), 0, signal))
    hash.update(piece);
  if (hash.digest('hex') !== sidecar.storedSha256) {
    return [makeFinding('archive-damaged', object, 'its bytes are not those that were written')];
  }
  const message =
    'its bytes are those that were written; what is in it was not read, because no key was given that opens it';
  return [makeFinding('archive-unopened', object, message)];
}
