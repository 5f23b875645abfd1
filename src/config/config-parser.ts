import type { Config } from './config.ts';
import { referenceIssues } from './config-references.ts';
import { isFields, mergeProfile } from './merge-profile.ts';
import { configSchema } from './schema/config-schema.ts';
import type { SchemaContext } from './schema/schema-parts.ts';
import { type FoundIssue, foundIssues, schemaMessage } from './schema-issues.ts';

export type ParsedConfig =
  | {
      readonly kind: 'good';
      readonly config: Config;
      /** Missing variables: each matters only where what has it is used. */
      readonly deferred: readonly FoundIssue[];
    }
  | { readonly kind: 'bad'; readonly issues: readonly FoundIssue[] };

export type ParseContext = Omit<SchemaContext, 'missing'>;

/** Checks a raw configuration with a profile put over it. All that is wrong is found at once. */
export function parseConfig(raw: unknown, profile: string | undefined, context: ParseContext): ParsedConfig {
  const merged = withoutNulls(mergeProfile(raw ?? {}, profile), 3);
  const result = configSchema({ ...context, missing: 'tell' }).safeParse(merged, { error: schemaMessage });
  const issues = [...(result.success ? [] : foundIssues(result.error.issues)), ...referenceIssues(merged)];
  const deferred = issues.filter(({ isDeferred }) => isDeferred);
  if (deferred.length < issues.length) return { kind: 'bad', issues };
  if (result.success) return { kind: 'good', config: result.data, deferred };
  const config = configSchema({ ...context, missing: 'leave' }).parse(merged, { error: schemaMessage });
  return { kind: 'good', config, deferred };
}

/** A key without a value (`vaults:` and nothing below it) counts as absent; options of plugins stay as they are. */
function withoutNulls(value: unknown, depth: number): unknown {
  if (!isFields(value)) return value;
  const there = Object.entries(value).filter(([, entry]) => entry !== null && entry !== undefined);
  return Object.fromEntries(there.map(([key, entry]) => [key, depth > 1 ? withoutNulls(entry, depth - 1) : entry]));
}
