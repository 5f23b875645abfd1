import { mapConcurrent } from '../../base/concurrency.ts';
import { CairnError, hasCode, messageOf } from '../../base/errors.ts';
import type { Storage } from '../../storage/storage.ts';
import { decodeSidecar, type Sidecar } from '../sidecar.ts';
import { isComplete, listShelf, type ShelfItem, sidecarOf } from './shelf-listing.ts';

/** A complete archive. */
export interface StoredArchive {
  readonly object: string;
  readonly stored: string;
  readonly sizeBytes: number;
  readonly sidecar: Sidecar;
}

const READS = 8;

export interface ReadShelfOptions {
  readonly signal?: AbortSignal | undefined;
  /** Only those whose stored name says so; what the sidecar says counts in the end. */
  readonly name?: string | undefined;
  /** Told of a sidecar that cannot be read; its archive is left out. */
  readonly onWarning: (message: string) => void;
}

/** All complete archives with their sidecars, oldest first: one listing, and a read for each. */
export async function readShelf(storage: Storage, options: ReadShelfOptions): Promise<StoredArchive[]> {
  const { signal, name } = options;
  const items = (await listShelf(storage, { signal, name })).filter(isComplete);
  const read = await mapConcurrent(items, { limit: READS, signal }, (item) => readArchive(storage, item, options));
  return read
    .filter((archive) => archive !== undefined)
    .sort((a, b) => a.sidecar.time.getTime() - b.sidecar.time.getTime() || (a.stored < b.stored ? -1 : 1));
}

/** One of them; `undefined` where it is gone or cannot be read. */
export async function readArchive(
  storage: Storage,
  item: ShelfItem,
  { signal, onWarning }: Pick<ReadShelfOptions, 'signal' | 'onWarning'>,
): Promise<StoredArchive | undefined> {
  const { object, stored, sizeBytes } = item;
  try {
    const sidecar = await readSidecar(storage, item, signal);
    return { object, stored, sizeBytes: sizeBytes ?? 0, sidecar };
  } catch (error) {
    // Deleted since the listing.
    if (hasCode(error, 'OBJECT_MISSING')) return undefined;
    if (!hasCode(error, 'ARCHIVE_CORRUPT') && !hasCode(error, 'VAULT_UNSUPPORTED')) throw error;
    onWarning(`the archive ${stored} is left out: ${messageOf(error)}`);
    return undefined;
  }
}

/** A list of paths and tags; nobody's is longer, and it is read into memory. */
const LARGEST_SIDECAR = 16 * 1024 * 1024;

/** Throws `ARCHIVE_CORRUPT`, `VAULT_UNSUPPORTED`, `OBJECT_MISSING`. */
export async function readSidecar(
  storage: Storage,
  { object, sidecarBytes }: ShelfItem,
  signal: AbortSignal | undefined,
): Promise<Sidecar> {
  if (sidecarBytes <= LARGEST_SIDECAR) return decodeSidecar(await storage.read(sidecarOf(object), { signal }));
  throw new CairnError(
    'ARCHIVE_CORRUPT',
    `the sidecar of an archive has ${sidecarBytes} bytes, more than one can have`,
    {
      facts: { object },
    },
  );
}
