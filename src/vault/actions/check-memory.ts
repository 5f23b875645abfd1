// Which packs a check has read, kept on this machine, so that the next one goes on: a vault too large for one night is
// read in many.
//
//   offset | size | field
//   0      | 16   | "cairn-checked-1", a zero
//   16     | 8    | u64be milliseconds since the epoch at which this round began
//   24 …   | 32   | id of a pack that is good
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolders } from '../../base/make-folders.ts';
import { concatBytes, utf8 } from '../../base/bytes.ts';
import { systemCode } from '../../base/errors.ts';
import { ID_SIZE, idFromBytes, idToBytes, type PackId, type RepositoryId } from '../../base/ids.ts';
import type { VerifiedPacks } from '../../repository/check/check-repository.ts';

const MAGIC = utf8('cairn-checked-1\0');
const HEADER_SIZE = 24;
/** Older findings say little about today: a round that takes longer begins anew. */
const MAX_AGE_MS = 90 * 24 * 3600 * 1000;

export class CheckMemory implements VerifiedPacks {
  readonly #path: string;
  readonly #known: Set<PackId>;
  #fresh: PackId[] = [];
  /** The file has to be written from its beginning. */
  #isNew: boolean;
  #startedMs: number;

  private constructor(path: string, startedMs: number, known: Set<PackId>, isNew: boolean) {
    this.#path = path;
    this.#startedMs = startedMs;
    this.#known = known;
    this.#isNew = isNew;
  }

  /** What is remembered of a vault in the folder of this machine's caches. What cannot be read counts as nothing. */
  static async open(folder: string, repository: RepositoryId, nowMs: number): Promise<CheckMemory> {
    const path = join(folder, repository, 'checked-packs');
    const bytes = await readIfThere(path);
    const startedMs = bytes === undefined ? undefined : startOf(bytes);
    if (bytes === undefined || startedMs === undefined || nowMs - startedMs > MAX_AGE_MS || startedMs > nowMs) {
      return new CheckMemory(path, nowMs, new Set(), true);
    }
    const count = Math.floor((bytes.length - HEADER_SIZE) / ID_SIZE);
    const known = Array.from({ length: count }, (_, at) => idFromBytes<PackId>(bytes, HEADER_SIZE + at * ID_SIZE));
    // A write that was cut off leaves part of an id, after which nothing can be appended.
    const isCut = bytes.length !== HEADER_SIZE + count * ID_SIZE;
    return new CheckMemory(path, startedMs, new Set(known), isCut);
  }

  /** When this round began. */
  get started(): Date {
    return new Date(this.#startedMs);
  }

  has(id: PackId): boolean {
    return this.#known.has(id);
  }

  add(id: PackId): void {
    this.#known.add(id);
    this.#fresh.push(id);
  }

  startOver(): void {
    this.#known.clear();
    this.#fresh = [];
    this.#startedMs = Date.now();
    this.#isNew = true;
  }

  /** Writes what was added. */
  async save(): Promise<void> {
    const fresh = this.#fresh;
    if (this.#isNew) {
      await makeFolders(join(this.#path, '..'), 0o700);
      await writeFile(this.#path, concatBytes([header(this.#startedMs), ...[...this.#known].map(idToBytes)]), {
        mode: 0o600,
      });
    } else if (fresh.length > 0) {
      await appendFile(this.#path, concatBytes(fresh.map(idToBytes)));
    }
    this.#isNew = false;
    this.#fresh = this.#fresh.slice(fresh.length);
  }
}

function header(startedMs: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE);
  bytes.set(MAGIC);
  new DataView(bytes.buffer).setBigUint64(MAGIC.length, BigInt(startedMs));
  return bytes;
}

function startOf(bytes: Uint8Array): number | undefined {
  if (bytes.length < HEADER_SIZE || Buffer.compare(bytes.subarray(0, MAGIC.length), MAGIC) !== 0) return undefined;
  return Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(MAGIC.length));
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
