// What a directory holds, as plain data, for comparing a restored tree with its source.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { openPosix } from '../../src/base/posix/open-posix.ts';

export interface DescribedEntry {
  readonly type: string;
  readonly mode: string;
  readonly owner: string;
  readonly mtimeNs: string;
  readonly size?: string;
  readonly hash?: string;
  readonly target?: string;
  readonly rdev?: string;
  readonly xattrs: Readonly<Record<string, string>>;
  /** Names of the same inode below the root, when there are several. */
  readonly sameAs?: string;
}

/** Every entry below `root`, by its path as Latin-1 text (so that names that are not UTF-8 stay distinct). */
export function describeTree(root: string): Record<string, DescribedEntry> {
  const found: Record<string, DescribedEntry> = {};
  const firstNames = new Map<string, string>();
  visit(Buffer.from(root), '');
  return found;

  function visit(path: Buffer, name: string): void {
    const stats = fs.lstatSync(path, { bigint: true });
    found[name] = describe(path, stats, name);
    if (!stats.isDirectory()) return;
    const names = fs.readdirSync(path, { encoding: 'buffer' }).sort((a, b) => a.compare(b));
    for (const child of names) {
      visit(Buffer.concat([path, Buffer.from('/'), child]), `${name}/${child.toString('latin1')}`);
    }
  }

  function describe(path: Buffer, stats: fs.BigIntStats, name: string): DescribedEntry {
    const isLinked = !stats.isDirectory() && stats.nlink > 1n;
    const key = `${stats.dev}:${stats.ino}`;
    const first = isLinked ? (firstNames.get(key) ?? name) : undefined;
    if (first !== undefined) firstNames.set(key, first);
    return {
      type: typeOf(stats),
      mode: (stats.mode & 0o7777n).toString(8),
      owner: `${stats.uid}:${stats.gid}`,
      mtimeNs: String(stats.mtimeNs),
      xattrs: xattrsOf(path),
      ...(stats.isFile() ? { size: String(stats.size), hash: hashOf(path) } : {}),
      ...(stats.isSymbolicLink() ? { target: fs.readlinkSync(path, { encoding: 'buffer' }).toString('latin1') } : {}),
      ...(stats.isBlockDevice() || stats.isCharacterDevice() ? { rdev: String(stats.rdev) } : {}),
      ...(first === undefined ? {} : { sameAs: first }),
    };
  }
}

function typeOf(stats: fs.BigIntStats): string {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'dir';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isFIFO()) return 'fifo';
  if (stats.isBlockDevice()) return 'block';
  return stats.isCharacterDevice() ? 'char' : 'other';
}

function hashOf(path: Buffer): string {
  return createHash('sha256').update(fs.readFileSync(path)).digest('hex');
}

function xattrsOf(path: Buffer): Record<string, string> {
  const attributes = openPosix().lgetxattrs(path, () => {});
  return Object.fromEntries(
    attributes
      .map(({ name, value }) => [Buffer.from(name).toString('latin1'), Buffer.from(value).toString('hex')] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
