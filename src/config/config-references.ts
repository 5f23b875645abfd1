// Checks the names by which one part of a configuration refers to another.
import { closestName } from './closest-name.ts';
import type { ConfigPath } from './config-issue.ts';
import { isFields } from './merge-profile.ts';
import type { FoundIssue } from './schema-issues.ts';

/**
 * Finds names that refer to nothing, and names used twice. Reads the raw value, so that these are reported along with
 * other issues.
 */
export function referenceIssues(raw: unknown): FoundIssue[] {
  if (!isFields(raw)) return [];
  const vaults = keysOf(raw['vaults']);
  const sources = keysOf(raw['sources']);
  const notifications = keysOf(raw['notifications']);
  const issues: FoundIssue[] = [];
  const check = (name: unknown, what: string, known: readonly string[], path: ConfigPath): void => {
    if (typeof name !== 'string' || name === '' || known.includes(name)) return;
    issues.push({ path, message: unknownName(name, what, known), isDeferred: false });
  };
  const { default: defaults } = raw;
  if (isFields(defaults)) check(defaults['vault'], 'vault', vaults, ['default', 'vault']);
  for (const [name, plan] of Object.entries(isFields(raw['plans']) ? raw['plans'] : {})) {
    if (!isFields(plan)) continue;
    const at = ['plans', name];
    check(plan['vault'], 'vault', vaults, [...at, 'vault']);
    checkList(plan['sources'], (one, path) => check(one, 'source', sources, [...at, 'sources', ...path]));
    checkList(plan['notifications'], (one, path) =>
      check(one, 'notification', notifications, [...at, 'notifications', ...path]),
    );
    issues.push(...sameNames(plan['sources'], raw['sources'], [...at, 'sources']));
    if (sources.includes(name)) issues.push({ path: at, message: BOTH, isDeferred: false });
  }
  return issues;
}

/** Backups of one name are one history: rotation would remove those of one source for those of another. */
function sameNames(wanted: unknown, sources: unknown, at: ConfigPath): FoundIssue[] {
  if (!Array.isArray(wanted) || !isFields(sources)) return [];
  const seen = new Map<unknown, unknown>();
  return wanted.flatMap((key: unknown, number): FoundIssue[] => {
    const source = typeof key === 'string' && Object.hasOwn(sources, key) ? sources[key] : undefined;
    const name = isFields(source) ? (source['name'] ?? key) : key;
    const first = seen.get(name);
    seen.set(name, key);
    if (first === undefined) return [];
    const message =
      first === key
        ? 'is there twice'
        : `has the name ${JSON.stringify(name)}, as ${JSON.stringify(first)} has: their backups could not be told apart`;
    return [{ path: [...at, number], message, isDeferred: false }];
  });
}

const BOTH = 'a source has this name too, and `cairn backup` takes the names of both';

function keysOf(value: unknown): readonly string[] {
  return isFields(value) ? Object.keys(value) : [];
}

function checkList(value: unknown, check: (item: unknown, path: ConfigPath) => void): void {
  if (Array.isArray(value)) value.forEach((item: unknown, at) => check(item, [at]));
  else check(value, []);
}

/** Suggests the name that was probably meant, or lists those that exist. */
export function unknownName(name: string, what: string, known: readonly string[]): string {
  const close = closestName(name, known);
  const there = known.length === 0 ? 'the configuration has none' : `there are ${known.join(', ')}`;
  return `there is no ${what} ${JSON.stringify(name)}; ${close === undefined ? there : `did you mean ${close}?`}`;
}
