// The name of a backup. restic has no such field, and a field of our own would be dropped when restic
// saves the snapshot again; a tag survives, and restic shows it.
import { CairnArgumentError } from '../../base/errors.ts';
import type { Snapshot } from '../../formats/snapshot/snapshot.ts';
import { snapshotName } from '../../repository/snapshots.ts';

const NAME_TAG = 'name:';

/** Characters that a name cannot have: `@` starts a time in a reference, and a comma ends a tag in restic. */
const FORBIDDEN = /[@,\p{Cc}]/u;

/** The tag that stores a name. Throws `ARGUMENT_INVALID` for what cannot be one. */
export function nameTag(name: string): string {
  assertName(name);
  return NAME_TAG + name;
}

/** Throws `ARGUMENT_INVALID` for what cannot be a name. */
export function assertName(name: string): void {
  const problem = nameProblem(name);
  if (problem !== undefined) throw new CairnArgumentError(`${JSON.stringify(name)}: ${problem}`);
}

function nameProblem(name: string): string | undefined {
  if (name === '') return 'a name cannot be empty';
  if (name === 'latest') return '`latest` stands for the newest backup and cannot be a name';
  if (FORBIDDEN.test(name)) return 'a name cannot hold `@`, a comma or control characters';
  return undefined;
}

/** Whether a tag only stores the name. */
export function isNameTag(tag: string): boolean {
  return tag.startsWith(NAME_TAG) && tag.length > NAME_TAG.length;
}

/** The name to show: of several paths without a `name:` tag it is the paths themselves. */
export function displayName(snapshot: Pick<Snapshot, 'tags' | 'paths'>): string {
  return snapshotName(snapshot) ?? snapshot.paths.join(', ');
}
