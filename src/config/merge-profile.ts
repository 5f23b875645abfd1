import { closestName } from './closest-name.ts';
import type { ConfigPath } from './config-issue.ts';

type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Sections of named entries. An entry of a profile changes single keys of the entry of the same name. */
const NAMED = new Set(['vaults', 'sources', 'plans', 'notifications']);
/** Sections that are one entry. */
const SINGLE = new Set(['default', 'hooks']);

/** The names of the profiles in a raw configuration. */
export function profileNames(raw: unknown): readonly string[] {
  const profiles = isFields(raw) ? raw['profiles'] : undefined;
  return isFields(profiles) ? Object.keys(profiles) : [];
}

/** A raw configuration with a profile put over it, and without `profiles`. What is no map stays as it is, to be refused. */
export function mergeProfile(raw: unknown, profile: string | undefined): unknown {
  if (!isFields(raw)) return raw;
  const { profiles, ...base } = raw;
  if (profile === undefined || !isFields(profiles)) return base;
  const over = profiles[profile];
  if (!isFields(over)) return base;
  const merged: Record<string, unknown> = { ...base };
  for (const [section, value] of Object.entries(over)) {
    if (NAMED.has(section)) merged[section] = mergeNamed(base[section], value);
    else if (SINGLE.has(section)) merged[section] = mergeEntry(base[section], value);
    else merged[section] = value;
  }
  return merged;
}

function mergeNamed(base: unknown, over: unknown): unknown {
  if (!isFields(base) || !isFields(over)) return over;
  const merged: Record<string, unknown> = { ...base };
  for (const [name, entry] of Object.entries(over)) merged[name] = mergeEntry(base[name], entry);
  return merged;
}

/** Values are replaced whole, and so are entries of another type: their keys have nothing in common. */
function mergeEntry(base: unknown, over: unknown): unknown {
  if (!isFields(base) || !isFields(over)) return over;
  if ('type' in over && over['type'] !== base['type']) return over;
  return { ...base, ...over };
}

/** Where a path of the merged configuration may stand in the file, the likeliest first. */
export function sourcePaths(path: ConfigPath, profile: string | undefined): readonly ConfigPath[] {
  return profile === undefined ? [path] : [['profiles', profile, ...path], path];
}

export function unknownProfile(profile: string, names: readonly string[]): string {
  const close = closestName(profile, names);
  const there = names.length === 0 ? 'the file has none' : `there are ${names.join(', ')}`;
  return `there is no profile ${JSON.stringify(profile)}; ${close === undefined ? there : `did you mean ${close}?`}`;
}
