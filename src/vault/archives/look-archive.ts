// Looking into an archive: it is read from its start, since tar has no table of contents.
import { archiveEntries, entryContent } from '../../archives/read/archive-entries.ts';
import { entryPath } from '../../archives/read/entry-path.ts';
import type { StoredArchive } from '../../archives/shelf/read-shelf.ts';
import { bytesKey, bytesOf, utf8Lossy } from '../../base/bytes.ts';
import { CairnError } from '../../base/errors.ts';
import type { TarEntry } from '../../formats/tar/tar-entry.ts';
import { formatGoTime } from '../../formats/go-time.ts';
import type { BackupEntry } from '../look/backup-entry.ts';
import { splitPath } from '../look/backup-entry.ts';
import type { ArchiveKeys } from './archive-access.ts';
import { openStored, type OpenStoredContext } from './open-stored.ts';

export interface ArchiveLsOptions extends ArchiveKeys {
  readonly path?: string | undefined;
  readonly recursive?: boolean | undefined;
}

/** The entries of an archive, or of a folder in it. Throws `PATH_NOT_FOUND` at the end where it is not in it. */
export async function* archiveLs(
  context: OpenStoredContext,
  archive: StoredArchive,
  options: ArchiveLsOptions,
): AsyncGenerator<BackupEntry, void, undefined> {
  const { settings } = context;
  const folder = splitPath(options.path ?? '/').map(bytesKey);
  const recursive = options.recursive ?? options.path === undefined;
  const opened = await openStored(context, archive, options);
  const onUnknown = (name: Uint8Array, why: string): void =>
    settings.notify({ level: 'warning', message: `${utf8Lossy(name)}: ${why}` });
  let isThere = folder.length === 0;
  for await (const entry of archiveEntries(opened.tar, onUnknown)) {
    const path = entryPath(entry.name);
    if (path.kind === 'hostile') {
      settings.notify({
        level: 'warning',
        message: `${utf8Lossy(entry.name)}: ${path.why}; a restore would refuse it`,
      });
      continue;
    }
    isThere ||= isWithin(path.parts, folder);
    if (isListed(path.parts, folder, recursive, entry.kind)) yield entryOf(path.parts, entry);
  }
  if (!isThere) throw notThere(options.path ?? '/', 'is not in this archive');
}

function isWithin(parts: readonly string[], folder: readonly string[]): boolean {
  return folder.every((part, at) => parts[at] === part);
}

/** Below a folder, or the file that is named itself. */
function isListed(
  parts: readonly string[],
  folder: readonly string[],
  recursive: boolean,
  kind: TarEntry['kind'],
): boolean {
  if (parts.length === 0 || !isWithin(parts, folder)) return false;
  if (parts.length === folder.length) return kind !== 'dir';
  return recursive || parts.length === folder.length + 1;
}

function entryOf(parts: readonly string[], entry: TarEntry): BackupEntry {
  const bytes = bytesOf(`/${parts.join('/')}`);
  const path = utf8Lossy(bytes);
  return {
    path,
    ...(Buffer.from(path).equals(bytes) ? {} : { pathBase64: bytes.toString('base64') }),
    type: entry.kind === 'hardlink' ? 'file' : entry.kind,
    size: entry.sizeBytes,
    mode: (statTypes[entry.kind] ?? 0) | entry.mode,
    mtime: formatGoTime({ ns: entry.mtimeNs, offsetMinutes: 0 }),
    uid: entry.uid,
    gid: entry.gid,
    user: entry.user,
    group: entry.group,
    ...(entry.linkName.length === 0 ? {} : { linkTarget: utf8Lossy(entry.linkName) }),
  };
}

const statTypes: Readonly<Record<TarEntry['kind'], number>> = {
  file: 0o100000,
  hardlink: 0o100000,
  symlink: 0o120000,
  chardev: 0o020000,
  dev: 0o060000,
  dir: 0o040000,
  fifo: 0o010000,
};

/** Hops from a hard link to the name that has the content; a circle is none. */
const MAX_HOPS = 2;

/** The bytes of one file. Throws `PATH_NOT_FOUND`. */
export async function* archiveCat(
  context: OpenStoredContext,
  archive: StoredArchive,
  path: string,
  keys: ArchiveKeys,
): AsyncGenerator<Uint8Array, void, undefined> {
  let wanted = ownPath(archive, splitPath(path).map(bytesKey));
  for (let hop = 0; hop < MAX_HOPS; hop++) {
    const found: TarEntry[] = [];
    const opened = await openStored(context, archive, keys);
    const isWanted = ({ name }: TarEntry): boolean => {
      const parts = entryPath(name);
      return parts.kind === 'path' && wanted.some((candidate) => same(candidate, parts.parts));
    };
    yield* entryContent(opened.tar, isWanted, (entry) => void found.push(entry));
    const [entry] = found;
    if (entry === undefined) throw notThere(path, 'is not in this archive');
    if (entry.kind === 'file') return;
    if (entry.kind !== 'hardlink') throw notThere(path, `is a ${entry.kind} in this archive, not a file`);
    const first = entryPath(entry.linkName);
    if (first.kind === 'hostile') throw notThere(path, `is a link out of this archive: ${first.why}`);
    wanted = [first.parts];
  }
  throw notThere(path, 'is a link to a link in this archive');
}

/** As it stands in the archive, below what was archived, or in full as it was on its machine. */
function ownPath({ sidecar }: StoredArchive, parts: readonly string[]): (readonly string[])[] {
  const [only, ...others] = sidecar.paths;
  if (only === undefined || others.length > 0) return [parts];
  const own = splitPath(only).map(bytesKey);
  const last = own.slice(-1);
  const isInFull = own.every((part, at) => parts[at] === part);
  return [parts, [...last, ...parts], ...(isInFull ? [parts.slice(own.length - 1)] : [])];
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((part, at) => part === b[at]);
}

function notThere(path: string, why: string): CairnError {
  return new CairnError('PATH_NOT_FOUND', `${path} ${why}`, {
    hint: 'See what is there with `cairn ls`.',
    facts: { path },
  });
}
