import { CairnArgumentError } from '../../base/errors.ts';
import { PARTIAL_TAG } from '../../formats/snapshot/partial-tag.ts';
import { holdTag, isHoldTag } from '../../retention/hold.ts';
import { isNameTag } from '../actions/backup-name.ts';

/**
 * How tags change. `set` stands alone; `add` and `remove` may come together. The name of a backup is no tag here, and a
 * hold is put and released only by that word: `set` keeps both, and the mark of a backup that is not whole (`partial`).
 */
export interface TagChange {
  readonly set?: readonly string[] | undefined;
  readonly add?: readonly string[] | undefined;
  readonly remove?: readonly string[] | undefined;
  /** Labels to hold the backups with: retention leaves them alone until they are released. */
  readonly hold?: readonly string[] | undefined;
  /** Labels of holds to release, or all of them. */
  readonly release?: readonly string[] | 'all' | undefined;
}

/** The new tags; `undefined` where nothing changes: their order means nothing. */
export function changedTags(old: readonly string[], change: TagChange): readonly string[] | undefined {
  const { set, add = [], remove = [], hold = [], release = [] } = change;
  const base = set === undefined ? old : [...old.filter(isKept), ...set];
  const released = release === 'all' ? base.filter(isHoldTag) : release.map(holdTag);
  const gone = [...remove, ...released];
  const tags = [...base.filter((tag) => !gone.includes(tag)), ...add, ...hold.map(holdTag)];
  const unique = new Set(tags);
  const isSame = unique.size === old.length && old.every((tag) => unique.has(tag));
  return isSame ? undefined : [...unique];
}

/** What no `set` takes away: it is not what somebody thought of when they chose tags. */
function isKept(tag: string): boolean {
  return isNameTag(tag) || isHoldTag(tag) || tag === PARTIAL_TAG;
}

/** Throws `ARGUMENT_INVALID` for a change that says nothing, or two things at once. */
export function checkTagChange({ set, add, remove, hold, release }: TagChange): void {
  if ([set, add, remove, hold, release].every((part) => part === undefined)) {
    throw new CairnArgumentError('nothing says how the tags should change', { hint: 'Give set, add or remove.' });
  }
  if (set !== undefined && (add !== undefined || remove !== undefined)) {
    throw new CairnArgumentError('setting tags and adding or removing them exclude each other');
  }
  refuseBoth(add, remove, (tag) => `the tag ${tag} is both added and removed`);
  refuseBoth(hold, release === 'all' ? [] : release, (label) => `the hold ${label} is both put and released`);
  for (const tag of [...(set ?? []), ...(add ?? []), ...(remove ?? [])]) checkTag(tag);
  for (const label of [...(hold ?? []), ...(release === undefined || release === 'all' ? [] : release)]) holdTag(label);
}

/** restic would do one after the other, whichever was meant. */
function refuseBoth(some: readonly string[] = [], others: readonly string[] = [], say: (text: string) => string): void {
  const both = some.find((text) => others.includes(text));
  if (both !== undefined) throw new CairnArgumentError(say(JSON.stringify(both)));
}

function checkTag(tag: string): void {
  if (isNameTag(tag)) throw new CairnArgumentError(`${JSON.stringify(tag)} stores the name of a backup and is no tag`);
  if (isHoldTag(tag)) {
    throw new CairnArgumentError(`${JSON.stringify(tag)} is a hold, which is not changed as a tag`, {
      hint: 'Hold with `hold` (--hold LABEL), and release with `release` (--release-hold LABEL).',
    });
  }
  if (tag === '' || tag.includes(',')) throw new CairnArgumentError('a tag is not empty and has no comma');
}
