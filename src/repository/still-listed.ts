import type { FileIds, FileKind } from './layout.ts';
import type { Repository } from './repository.ts';

/**
 * Those of `ids` that a new listing shows. A file that was listed and is not there when it is read was removed meanwhile,
 * unless it is still listed: then the storage hides that it cannot read it (rclone before 1.66 says "not found" of every
 * fault of its own), and a file that may be there must not be passed over.
 */
export async function stillListed<K extends FileKind>(
  repository: Repository,
  kind: K,
  ids: ReadonlySet<FileIds[K]>,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<FileIds[K][]> {
  const found: FileIds[K][] = [];
  if (ids.size === 0) return found;
  for await (const { id } of repository.listIds(kind, options)) if (ids.has(id)) found.push(id);
  return found;
}
