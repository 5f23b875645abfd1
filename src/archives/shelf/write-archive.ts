// Puts an archive on the shelf: marker, object, sidecar, then the marker is removed. Whatever happens between, an
// archive is listed only when it is whole, and the next run settles what is left.
import { CairnError, hasCode } from '../../base/errors.ts';
import type { Storage } from '../../storage/storage.ts';
import { encodeSidecar, type Sidecar } from '../sidecar.ts';
import { archiveFolder, ARCHIVES, formatStoredName, type StoredName } from '../stored-name.ts';
import type { StoredArchive } from './read-shelf.ts';
import { listShelf, markerOf, sidecarOf } from './shelf-listing.ts';
import { type SettledArchive, settleShelf } from './settle-shelf.ts';
import { type MarkerWorld, WritingMarker } from './writing-marker.ts';

export interface PutOptions extends MarkerWorld {
  readonly signal: AbortSignal;
  /** Storage class for the object, such as `GLACIER`; the sidecar stays where it can be read. */
  readonly coldClass?: string | undefined;
  /** Told of what earlier runs left and this one settled. */
  readonly onSettled?: ((settled: SettledArchive) => void) | undefined;
}

/** What is put: the bytes, and what is to be written beside them once they are all there. */
export interface ArchiveContent {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Called when the chunks have ended. Throws where nothing shall be stored after all. */
  readonly describe: () => Sidecar;
}

/** The longest time spent on tidying up after a failure; the next run would do it as well. */
const CLEAN_UP_MS = 15_000;
const MAX_SEQUENCE = 1000;

/**
 * Stores an archive. Throws `NOT_SUPPORTED` where the storage takes no archives, and what the chunks, the description and the
 * storage throw; nothing is listed then.
 */
export async function putArchive(
  storage: Storage,
  wanted: Omit<StoredName, 'sequence' | 'origin'>,
  content: ArchiveContent,
  options: PutOptions,
): Promise<StoredArchive> {
  const { signal } = options;
  assertTakesArchives(storage);
  await storage.create({ signal });
  const items = await listShelf(storage, { signal });
  for (const settled of await settleShelf(storage, items, options)) options.onSettled?.(settled);
  const { stored, object, marker } = await reserve(storage, wanted, new Set(items.map((item) => item.object)), options);
  await using _ = marker;
  let isStored = false;
  try {
    const cold = options.coldClass === undefined ? {} : { cold: true, coldClass: options.coldClass };
    const { sizeBytes } = await storage.writeStream(object, content.chunks, { ifAbsent: true, signal, ...cold });
    const sidecar = content.describe();
    await marker[Symbol.asyncDispose]();
    signal.throwIfAborted();
    await marker.assertOurs(signal);
    await storage.write(sidecarOf(object), encodeSidecar(sidecar), { ifAbsent: true, signal });
    isStored = true;
    // Once more, behind the sidecar: whoever took the marker over looks for that before anything is removed.
    await marker.assertOurs(signal);
    await removeQuietly(marker, signal);
    return { object, stored, sizeBytes, sidecar };
  } catch (error) {
    await cleanUp(storage, object, marker, isStored);
    throw error;
  }
}

/** Failing is harmless: the archive is stored, and the next run settles a marker that stays. */
async function removeQuietly(marker: WritingMarker, signal: AbortSignal): Promise<void> {
  try {
    await marker.remove(signal);
  } catch {
    signal.throwIfAborted();
  }
}

/** Throws `NOT_SUPPORTED`. */
function assertTakesArchives(storage: Storage): void {
  if (storage.features.resticNamesOnly !== true) return;
  throw new CairnError('NOT_SUPPORTED', `${storage.url} takes the files of a restic repository only, so no archives`, {
    hint: 'Use another storage for archives: a folder, S3, Azure, Google, Swift, SFTP or `cairn serve --rest`. `cairn export REF -o FILE` writes one to a file.',
  });
}

interface Reserved {
  readonly stored: string;
  readonly object: string;
  readonly marker: WritingMarker;
}

/** The first free name: where two archives are made in one second, the later gets a number. */
async function reserve(
  storage: Storage,
  wanted: Omit<StoredName, 'sequence' | 'origin'>,
  taken: ReadonlySet<string>,
  options: PutOptions,
): Promise<Reserved> {
  const { signal } = options;
  const folder = `${ARCHIVES}${archiveFolder(wanted.name)}/`;
  for (let sequence = 1; sequence <= MAX_SEQUENCE; sequence++) {
    const stored = formatStoredName({ ...wanted, sequence });
    const object = folder + stored;
    if (taken.has(object)) continue;
    const marker = await placeMarker(storage, object, options);
    if (marker === undefined) continue;
    // Somebody may have finished one of this name since the listing.
    const isFree =
      (await storage.stat(sidecarOf(object), { signal })) === undefined &&
      (await storage.stat(object, { signal })) === undefined;
    if (isFree) return { stored, object, marker };
    await marker.remove();
  }
  throw new CairnError('OBJECT_EXISTS', `there are ${MAX_SEQUENCE} archives of this name and second already`);
}

async function placeMarker(storage: Storage, object: string, options: PutOptions): Promise<WritingMarker | undefined> {
  try {
    return await WritingMarker.place(storage, object, options, options.signal);
  } catch (error) {
    if (hasCode(error, 'OBJECT_EXISTS')) return undefined;
    throw error;
  }
}

/**
 * Removes the sidecar first, so that nothing is ever listed that is not there. Where the marker is somebody else's, the
 * object is theirs as well; only a sidecar that this run wrote is taken back, and its object with it.
 */
async function cleanUp(storage: Storage, object: string, marker: WritingMarker, isStored: boolean): Promise<void> {
  const signal = AbortSignal.timeout(CLEAN_UP_MS);
  try {
    await marker[Symbol.asyncDispose]();
    const isOurs = await marker.isOurs(signal);
    if (!isOurs && !isStored) return;
    await storage.remove(sidecarOf(object), { signal });
    await storage.remove(object, { signal });
    if (isOurs) await storage.remove(markerOf(object), { signal });
  } catch {
    // The first error says more; the next run settles what is left.
  }
}
