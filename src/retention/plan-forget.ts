import { CairnArgumentError, CairnError } from '../base/errors.ts';
import { applyPolicy, type KeptSnapshot, type PolicyOptions, type RetainedSnapshot } from './apply-policy.ts';
import { type GroupedSnapshot, type GroupField, type GroupKey, groupSnapshots } from './group-snapshots.ts';
import { heldReasons } from './hold.ts';
import { isEmptyPolicy, type KeepPolicy } from './keep-policy.ts';

/** What a policy does to one group. Both lists have the newest first. */
export interface GroupPlan<S> {
  readonly key: GroupKey;
  readonly keep: readonly KeptSnapshot<S>[];
  readonly forget: readonly S[];
}

export interface PlanOptions extends PolicyOptions {
  readonly groupBy: readonly GroupField[];
}

/**
 * Applies a policy to each group of `records`. Those that are held stay, and the rules do not see them. Throws `ARGUMENT_INVALID` for a policy without rules, and
 * `FORGET_REFUSED` where a group would lose its last backup: a policy thins out, it never ends a history.
 */
export function planByPolicy<S extends RetainedSnapshot & GroupedSnapshot>(
  records: readonly S[],
  policy: KeepPolicy,
  options: PlanOptions,
): GroupPlan<S>[] {
  if (isEmptyPolicy(policy)) {
    throw new CairnArgumentError('no rule says what to keep, so every backup would go', {
      hint: 'Give at least one, such as --keep-daily 7; to remove single backups, name them.',
    });
  }
  return groupSnapshots(records, options.groupBy).map(({ key, records: group }) => {
    const free = group.filter(({ snapshot }) => heldReasons(snapshot.tags).length === 0);
    const { keep, forget } = applyPolicy(free, policy, options);
    if (keep.length === 0 && free.length > 0) throw losesAll(key, free.length);
    return { key, keep: withHeld(keep, group), forget };
  });
}

function withHeld<S extends RetainedSnapshot>(
  keep: readonly KeptSnapshot<S>[],
  group: readonly S[],
): KeptSnapshot<S>[] {
  const held = group.flatMap((record) => {
    const reasons = heldReasons(record.snapshot.tags);
    return reasons.length === 0 ? [] : [{ record, reasons }];
  });
  if (held.length === 0) return [...keep];
  return [...keep, ...held].sort((a, b) => Number(b.record.snapshot.time.ns - a.record.snapshot.time.ns));
}

/** The error of a policy that would end a history. */
export function losesAll(key: GroupKey, count: number): CairnError {
  const parts = [key.name, key.host, key.paths?.join(', '), key.tags?.map((tag) => `#${tag}`).join(' ')];
  const name = parts.filter((part) => part !== undefined && part !== '').join(' ');
  const group = name === '' ? 'all backups' : `the backups of ${name}`;
  return new CairnError('FORGET_REFUSED', `the policy would remove ${group}: none of ${count} would be kept`, {
    hint: 'Add a rule that keeps some, such as --keep-last 1; to remove the last backup of a source, name it in `cairn delete`.',
    facts: { count, ...(key.host === undefined ? {} : { host: key.host }), paths: key.paths ?? [] },
  });
}
