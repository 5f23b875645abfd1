import { bytesKey } from '../../base/bytes.ts';
import { CairnArgumentError } from '../../base/errors.ts';
import { formatGoTime } from '../../formats/go-time.ts';
import type { SnapshotEdits } from '../../formats/snapshot/edit-snapshot.ts';
import type { TreePath } from '../../repository/rewrite/tree-path.ts';
import type { TreeRules } from '../../repository/rewrite/tree-rewriter.ts';
import type { SnapshotRecord } from '../../repository/snapshots.ts';
import { printPath } from '../../repository/walk/find-node.ts';
import { compileExcludes, type ExcludeMatcher, type NameFilter } from '../../sources/files/exclude-patterns.ts';
import { readExcludeFile } from '../../sources/files/list-file.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { toGoTime } from '../reference/moment.ts';
import { type BackupSelection, selectSnapshots } from '../reference/select-snapshots.ts';
import { loadWholeVault, openSession } from '../vault-session.ts';
import type { CareOptions } from './care-options.ts';
import { openRemovingSession } from './exclusive-session.ts';
import { type OnChangedEntry, type RewriteResult, rewriteSnapshots } from './rewrite-snapshots.ts';

/** What becomes different. At least one of them. */
export interface RewriteChange {
  /** restic's exclude patterns: what matches is left out. */
  readonly exclude?: readonly string[] | undefined;
  readonly iexclude?: readonly string[] | undefined;
  /** Files of such patterns. */
  readonly excludeFiles?: readonly string[] | undefined;
  readonly iexcludeFiles?: readonly string[] | undefined;
  readonly host?: string | undefined;
  readonly time?: Date | string | undefined;
}

export interface RewriteOptions extends BackupSelection, CareOptions<RewriteResult> {
  /** The old versions go; otherwise both stay, and the new ones have the tag `rewrite`. */
  readonly forget?: boolean | undefined;
}

/** Makes new versions of backups. Each is whole at every instant; data that only old versions had goes in a prune. */
export async function rewriteBackups(
  context: ActionContext,
  change: RewriteChange,
  options: RewriteOptions,
): Promise<RewriteResult> {
  const matchers = compile(change);
  if (matchers.length === 0 && change.host === undefined && change.time === undefined) {
    throw new CairnArgumentError('nothing says what should become different', {
      hint: 'Give patterns to exclude, a new host or a new time.',
    });
  }
  const { repository, settings, signal } = context;
  const forget = options.forget ?? false;
  await using session =
    forget && options.dryRun !== true
      ? await openRemovingSession(context)
      : await openSession(repository, settings, {
          mode: 'shared',
          purpose: options.dryRun === true ? 'read' : 'write',
          signal,
        });
  const { snapshots, index } = await loadWholeVault(repository, settings, session.signal);
  return await rewriteSnapshots(context, {
    session,
    index,
    known: snapshots,
    chosen: selectSnapshots(snapshots, options),
    phase: 'rewrite',
    rules: (onEntry) => excludeRules(matchers, onEntry),
    editsOf: (record) => editsOf(change, record),
    countsAgain: true,
    tag: 'rewrite',
    forget,
    dryRun: options.dryRun,
    onPlan: options.onPlan,
  });
}

function compile({ exclude, iexclude, excludeFiles, iexcludeFiles }: RewriteChange): ExcludeMatcher[] {
  const matchers = [
    compileExcludes(patternsOf(exclude, excludeFiles)),
    compileExcludes(patternsOf(iexclude, iexcludeFiles), { ignoreCase: true }),
  ];
  return matchers.filter((matcher) => matcher !== undefined);
}

function patternsOf(patterns: readonly string[] = [], files: readonly string[] = []): string[] {
  return [...patterns, ...files.flatMap((file) => readExcludeFile(file))];
}

/** `undefined` where the backup has this host and time already. */
function editsOf({ host, time }: RewriteChange, { snapshot }: SnapshotRecord): SnapshotEdits | undefined {
  const newTime = time === undefined ? undefined : toGoTime(time);
  const edits: SnapshotEdits = {
    ...(host === undefined || host === snapshot.hostname ? {} : { hostname: host }),
    ...(newTime === undefined || newTime.ns === snapshot.time.ns ? {} : { time: formatGoTime(newTime) }),
  };
  return Object.keys(edits).length === 0 ? undefined : edits;
}

function excludeRules(matchers: readonly ExcludeMatcher[], onEntry: OnChangedEntry): TreeRules {
  let directory: TreePath | undefined;
  let filters: readonly NameFilter[] = [];
  const filtersIn = ({ parent }: TreePath): readonly NameFilter[] => {
    if (parent !== directory) {
      directory = parent;
      const path = `/${(parent?.parts() ?? []).map(bytesKey).join('/')}`;
      filters = matchers.map((matcher) => matcher.inDirectory(path));
    }
    return filters;
  };
  return {
    mayLoseFields: false,
    node: (node, path) => {
      const name = bytesKey(node.name);
      if (!filtersIn(path).some((excludes) => excludes(name))) return node;
      // On purpose: the new version is as whole as the old one.
      onEntry({ path: printPath(path.parts()), message: 'left out' }, false);
      return undefined;
    },
  };
}
