import { createHash } from 'node:crypto';
import { readdir, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { equalBytes } from '../base/bytes.ts';
import { isId, type IndexId, type SnapshotId } from '../base/ids.ts';
import type { Repository } from '../repository/repository.ts';
import type { SnapshotRecord } from '../repository/snapshots.ts';
import { findLostPacks, type ExpectedPack } from '../repository/index/lost-packs.ts';
import { loadKnownTrees, saveKnownTrees, type KnownTree, type KnownTrees } from './known-trees.ts';
import type { Source } from './source.ts';

export interface MemoryOptions {
  readonly source: Source;
  readonly parent?: SnapshotRecord | undefined;
  readonly force?: boolean;
  readonly ignoreInode?: boolean;
  readonly ignoreCtime?: boolean;
  readonly withAtime?: boolean;
  readonly dryRun?: boolean;
  readonly memoryFolder?: string | undefined;
  readonly signal?: AbortSignal;
}

const TREES = 'trees';

/** What this machine remembers of the last backup of a source, where it may be trusted. */
export class SourceMemory {
  /** Trees of the parent snapshot. */
  readonly known: KnownTree | undefined;
  readonly #folder: string | undefined;
  readonly #rules: Uint8Array;
  readonly #parent: SnapshotId | undefined;
  readonly #kept: KnownTrees | undefined;

  private constructor(
    kept: KnownTrees | undefined,
    folder: string | undefined,
    rules: Uint8Array,
    parent: SnapshotId | undefined,
  ) {
    this.known = kept?.root;
    this.#kept = kept;
    this.#folder = folder;
    this.#rules = rules;
    this.#parent = parent;
  }

  /**
   * Remembers only when every index file of that time is still there, and every pack as far as that is cheap to see: then
   * every blob that was known is, whatever was pruned or repaired since.
   */
  static async open(repository: Repository, options: MemoryOptions): Promise<SourceMemory> {
    const { parent, signal } = options;
    const folder = folderOf(repository, options);
    if (folder === undefined) return new SourceMemory(undefined, undefined, new Uint8Array(0), parent?.id);
    const rules = await rulesDigest();
    const wanted = options.force === true ? undefined : parent?.id;
    const kept = wanted === undefined ? undefined : await loadKnownTrees(folder, wanted);
    const holds = kept !== undefined && equalBytes(kept.rules, rules) && (await isThere(repository, kept, signal));
    return new SourceMemory(holds ? kept : undefined, folder, rules, parent?.id);
  }

  /** Remembers what a finished snapshot saw. `used` lists the blobs of all it did not take over. */
  async keep(snapshot: SnapshotId, root: KnownTree, used: UsedFiles | undefined): Promise<void> {
    if (this.#folder === undefined) return;
    const indexIds = [...new Set([...(this.#kept?.indexIds ?? []), ...(used?.indexIds() ?? [])])];
    // Whoever loads the index has the packs of all its files, those of that time among them.
    const packs = used?.packs() ?? this.#kept?.packs ?? [];
    await saveKnownTrees(this.#folder, snapshot, this.#parent, { rules: this.#rules, indexIds, packs, root });
  }
}

/** Index files and packs from which blobs are known. */
interface UsedFiles {
  indexIds(): readonly IndexId[];
  packs(): readonly ExpectedPack[];
}

async function isThere(
  repository: Repository,
  { indexIds, packs }: KnownTrees,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const present = new Set<IndexId>();
  for await (const { id } of repository.listIds('index', { signal })) present.add(id);
  if (!indexIds.every((id) => present.has(id))) return false;
  return (await findLostPacks(repository.origin, packs, signal)).size === 0;
}

/** No memory where the rules make files look unchanged, or left out, that the digests tell apart. */
function folderOf(repository: Repository, options: MemoryOptions): string | undefined {
  const { source, ignoreInode, ignoreCtime, withAtime, dryRun, memoryFolder } = options;
  const isPlain = !ignoreInode && !ignoreCtime && !withAtime && !dryRun && source.maxFileSize === undefined;
  return isPlain && memoryFolder !== undefined ? join(memoryFolder, repository.config.id, TREES) : undefined;
}

/** Whether this machine remembers any backup, of any source to any vault. */
export async function remembersBackups(memoryFolder: string | undefined): Promise<boolean> {
  if (memoryFolder === undefined) return false;
  try {
    for (const name of await readdir(memoryFolder)) {
      if (isId(name) && (await readdir(join(memoryFolder, name, TREES)).catch(() => [])).length > 0) return true;
    }
  } catch {
    // No folder, no memory.
  }
  return false;
}

/** What beside the entries decides the bytes of a node: the time zone, and the names of users and groups. */
async function rulesDigest(): Promise<Uint8Array> {
  // Asking Intl for the zone would cost 20 ms; this is what it looks at.
  const zone = await readlink('/etc/localtime').catch(() => '');
  const hash = createHash('sha256').update(`2\n${process.env['TZ'] ?? ''}\n${zone}\n${process.versions['tz']}\n`);
  for (const file of ['/etc/passwd', '/etc/group', '/etc/localtime']) {
    try {
      const { mtimeNs, size, ino } = await stat(file, { bigint: true });
      hash.update(`${mtimeNs} ${size} ${ino}\n`);
    } catch {
      hash.update('absent\n');
    }
  }
  return hash.digest();
}
