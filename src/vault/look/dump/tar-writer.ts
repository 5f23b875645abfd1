// The entries of a backup as a tar stream; `formats/tar` has its layout.
import { concatBytes, utf8 } from '../../../base/bytes.ts';
import { CairnError } from '../../../base/errors.ts';
import { printPath } from '../../../repository/walk/find-node.ts';
import type { TarEntry, TarKind } from '../../../formats/tar/tar-entry.ts';
import { encodeTarHeader, TAR_END, tarPadding } from '../../../formats/tar/tar-header.ts';
import { statModeFromGo } from '../../../formats/tree/go-mode.ts';
import type { Node } from '../../../formats/tree/node.ts';
import type { DumpEntry, OnSkipped, ReadContent } from './dump-entry.ts';

/** A complete tar stream of the entries. Throws `BLOB_CORRUPT` where a file has another length than its entry says. */
export async function* writeTar(
  entries: AsyncIterable<DumpEntry>,
  read: ReadContent,
  onSkipped: OnSkipped,
): AsyncGenerator<Uint8Array, void, undefined> {
  const firstNames = new Map<string, Uint8Array>();
  for await (const entry of entries) {
    const header = tarEntryOf(entry, firstNames);
    if (header === undefined) {
      onSkipped(entry, `tar has no place for a ${entry.node.type}`);
      continue;
    }
    yield encodeTarHeader(header);
    if (header.kind === 'file' && entry.node.type === 'file') {
      yield* paddedContent(entry, header.sizeBytes, read(entry.node));
    }
  }
  yield TAR_END;
}

async function* paddedContent(
  entry: DumpEntry,
  size: bigint,
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let written = 0n;
  for await (const part of content) {
    written += BigInt(part.length);
    if (written <= size) yield part;
  }
  if (written !== size) {
    throw new CairnError(
      'BLOB_CORRUPT',
      `${printPath([entry.name])} holds ${written} bytes and not ${size} as its entry says`,
      { hint: 'Run `cairn check`. `cairn cat` prints what there is.' },
    );
  }
  const rest = tarPadding(size);
  if (rest > 0) yield new Uint8Array(rest);
}

function tarEntryOf({ name, node }: DumpEntry, firstNames: Map<string, Uint8Array>): TarEntry | undefined {
  switch (node.type) {
    case 'file': {
      const first = node.links > 1n && node.inode !== 0n ? rememberLink(node, name, firstNames) : undefined;
      if (first !== undefined) return plainEntry('hardlink', name, node, { linkName: first });
      return plainEntry('file', name, node, { sizeBytes: node.size });
    }
    case 'dir':
      return plainEntry('dir', concatBytes([name, utf8('/')]), node);
    case 'symlink':
      return plainEntry('symlink', name, node, { linkName: node.linkTarget });
    case 'chardev':
    case 'dev':
      return plainEntry(node.type, name, node, { device: node.device });
    case 'fifo':
      return plainEntry('fifo', name, node);
    case 'socket':
    case 'irregular':
      return undefined;
    default:
      return node satisfies never;
  }
}

function plainEntry(kind: TarKind, name: Uint8Array, node: Node, parts: Partial<TarEntry> = {}): TarEntry {
  return {
    kind,
    name,
    linkName: new Uint8Array(0),
    sizeBytes: 0n,
    mode: statModeFromGo(node.mode) & 0o7777,
    uid: node.uid,
    gid: node.gid,
    user: node.user,
    group: node.group,
    mtimeNs: node.mtime.ns,
    device: 0n,
    xattrs: node.extendedAttributes,
    ...parts,
  };
}

/** The name this inode had before in the stream, or `undefined` the first time. */
function rememberLink(node: Node, name: Uint8Array, firstNames: Map<string, Uint8Array>): Uint8Array | undefined {
  const key = `${node.deviceId}:${node.inode}`;
  const first = firstNames.get(key);
  if (first === undefined) firstNames.set(key, name);
  return first;
}
