// What zod found, in our words.
import type * as z from 'zod';
import type { ConfigPath } from './config-issue.ts';
import { MISSING_VARIABLE } from './schema/schema-parts.ts';

/** An issue without its place in the file. */
export interface FoundIssue {
  readonly path: ConfigPath;
  readonly message: string;
  /** A variable is missing: this matters only where what has it is used. */
  readonly isDeferred: boolean;
}

type Issue = z.core.$ZodIssue;

export function foundIssues(issues: readonly Issue[], above: ConfigPath = []): FoundIssue[] {
  // A path of zod may hold symbols; what YAML and JSON can say has none.
  return issues.flatMap((issue) => found(issue, [...above, ...(issue.path as ConfigPath)]));
}

function found(issue: Issue, path: ConfigPath): FoundIssue[] {
  if (issue.code === 'unrecognized_keys') {
    const lines = issue.message.split('\n');
    return issue.keys.map((key, at) => ({ path: [...path, key], message: lines[at] ?? '', isDeferred: false }));
  }
  if (issue.code === 'invalid_key') {
    const message = issue.issues[0]?.message ?? 'is no valid name';
    return [{ path, message, isDeferred: false }];
  }
  if (issue.code === 'invalid_union') {
    const meant = meantBranch(issue.errors);
    if (meant !== undefined) return foundIssues(meant, path);
  }
  const isDeferred = issue.code === 'custom' && issue.params?.['reason'] === MISSING_VARIABLE;
  return [{ path, message: issue.message, isDeferred }];
}

/** The branch of a union that took the kind of value, and found something wrong in it. */
function meantBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const near = branches.filter((issues) => !issues.some((issue) => issue.path.length === 0 && isOfAnotherKind(issue)));
  return near.length === 1 ? near[0] : undefined;
}

function isOfAnotherKind({ code }: Issue): boolean {
  return code === 'invalid_type' || code === 'invalid_union' || code === 'invalid_format' || code === 'invalid_value';
}

/** Messages for what the schema has none of its own. */
export function schemaMessage(issue: z.core.$ZodRawIssue): string {
  if (issue.input === undefined) return 'is missing';
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${kindOf(issue.expected)}${quotesHint(issue)}`;
    case 'invalid_value':
      return `must be ${issue.values
        .map(String)
        .join(', ')
        .replace(/, ([^,]*)$/, ' or $1')}`;
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? 'must not be empty'
        : `must be at least ${issue.minimum}`;
    case 'too_big':
      return `must be at most ${issue.maximum}`;
    default:
      return 'makes no sense here';
  }
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys with values',
  record: 'keys with values',
};

function kindOf(expected: string): string {
  return KINDS[expected] ?? expected;
}

/** YAML takes `no`-like words and digits for something else than text. */
function quotesHint({ expected, input }: { readonly expected: string; readonly input?: unknown }): string {
  const isPlain = typeof input === 'number' || typeof input === 'boolean';
  return expected === 'string' && isPlain ? `; put it in quotes: '${String(input)}'` : '';
}
