// The building blocks of the configuration's schema. Each gives a value of the domain: absolute paths, variables
// replaced, durations in milliseconds.
import { resolve } from 'node:path';
import * as z from 'zod';
import { parseDuration } from '../../base/duration-text.ts';
import { Secret } from '../../base/secret.ts';
import { parseSize } from '../../base/size-text.ts';
import { parseInterval } from '../../retention/interval.ts';
import { closestName } from '../closest-name.ts';
import type { SecretReference } from '../secret-reference.ts';
import {
  describeEmpty,
  describeMissing,
  expandVariables,
  hasVariables,
  isWellFormed,
  MALFORMED,
} from '../variables.ts';

/** What the meaning of a file depends on beside its text. */
export interface SchemaContext {
  /** Relative paths start here: the folder of the file. */
  readonly folder: string;
  /** Where `~` is; `undefined`: the variables do not say. */
  readonly home: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** `tell`: a missing variable is an issue; `leave`: its text stays, since what has it is not used. */
  readonly missing: 'tell' | 'leave';
  /** Code may give a `Secret` as well. */
  readonly fromCode: boolean;
}

/** Marks an issue that matters only where the faulty part is used. */
export const MISSING_VARIABLE = 'missing-variable';

type Fields = Readonly<Record<string, z.ZodType>>;
/** As zod hands it to a transform. */
interface Payload {
  readonly issues: {
    push(issue: { code: 'custom'; message: string; input: unknown; params?: object; continue: true }): unknown;
  };
}

/** An object without other keys than these; an unknown one is answered with the closest, one line for each. */
export function strict<S extends Fields>(shape: S): z.ZodObject<{ -readonly [K in keyof S]: S[K] }, z.core.$strict> {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? issue.keys.map((key) => unknownKey(key, known)).join('\n') : undefined,
  });
}

function unknownKey(key: string, known: readonly string[]): string {
  const close = closestName(key, known);
  return close === undefined
    ? `there is no such key; there are ${known.join(', ')}`
    : `there is no such key; did you mean ${close}?`;
}

/** Objects that differ by their `type`. */
export function byType<T>(
  options: readonly [z.ZodObject, ...z.ZodObject[]],
  what: string,
  types: readonly string[],
): z.ZodType<T> {
  const refused = (input: unknown): string => {
    const type = typeof input === 'object' && input !== null && 'type' in input ? input.type : undefined;
    const there = `there are ${types.join(', ')}`;
    if (type === undefined) return `a ${what} needs a type; ${there}`;
    const close = typeof type === 'string' ? closestName(type, types) : undefined;
    return `this version has no ${what} of the type ${JSON.stringify(type)}; ${close === undefined ? there : `did you mean ${close}?`}`;
  };
  // zod wants to see in the types that each option has a literal `type`; whoever lists them sees to that.
  const union = z.discriminatedUnion('type', options as never, {
    error: (issue) => (issue.code === 'invalid_union' ? refused(issue.input) : undefined),
  });
  return union;
}

/** The message of a value of the wrong form; one that is not there has another. */
export function saying(message: string): (issue: { readonly input?: unknown }) => string | undefined {
  return ({ input }) => (input === undefined ? undefined : message);
}

/** Named entries. `latest` and what looks like a path or an address are no names. */
export function named<T>(entry: z.ZodType<T>): z.ZodType<Record<string, T>> {
  const name = z.string().regex(/^[A-Za-z0-9_][\w.-]*$/, {
    error: 'a name has letters, digits, `_`, `-` and `.` only, and begins with a letter, a digit or `_`',
  });
  return z.record(name, entry);
}

export const wholeNumber: z.ZodType<number> = z.int().min(0);
export const positiveNumber: z.ZodType<number> = z.int().min(1);

/** Milliseconds of a text such as `5m`. */
export const duration: z.ZodType<number> = z
  .string()
  .refine((text) => parseDuration(text) !== undefined, { error: 'must be a duration such as 30s, 5m or 1h30m' })
  .transform((text) => parseDuration(text) ?? 0);

/** Bytes of a text such as `10M`. */
export const size: z.ZodType<number> = z
  .union([z.string(), z.int().min(1)], { error: saying('must be a size such as 512K, 10M or 1.5G') })
  .transform((given, payload) => {
    try {
      const bytes = Number(parseSize(String(given)));
      if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
    } catch {
      // Refused below.
    }
    return refuse(payload, given, 'must be a size such as 512K, 10M or 1.5G', 0);
  });

/** An interval as `parseInterval` reads it, kept as text. Zero is a mistake. */
export const interval: z.ZodType<string> = z.string().refine(isInterval, {
  error: 'must be an interval such as 1D or 1M3W: whole numbers with s, m, h, D, W, M or Y',
});

function isInterval(text: string): boolean {
  try {
    parseInterval(text);
    return true;
  } catch {
    return false;
  }
}

function refuse<T>(payload: Payload, input: unknown, message: string, instead: T): T {
  // Without `continue` a union would try the text as another kind of value.
  payload.issues.push({ code: 'custom', message, input, continue: true });
  return instead;
}

export interface SchemaParts {
  /** Text with variables replaced. */
  readonly text: z.ZodType<string>;
  /** A line for the shell, which replaces variables itself: here they would end up in the arguments of a process. */
  readonly shellLine: z.ZodType<string>;
  /** A path, absolute. `~/` is the home directory. */
  readonly path: z.ZodType<string, string>;
  /** The address of a storage; a path in it becomes absolute. */
  readonly storageUrl: z.ZodType<string>;
  readonly secret: z.ZodType<SecretReference>;
  /** One, or a list of several. */
  readonly oneOrMore: <T>(item: z.ZodType<T>) => z.ZodType<[T, ...T[]]>;
  /** One, or a list that may be empty. */
  readonly listOf: <T>(item: z.ZodType<T>) => z.ZodType<T[]>;
}

export function schemaParts(context: SchemaContext): SchemaParts {
  const expanded = (given: string, payload: Payload): string => expand(context, given, payload, 'may-be-part-empty');
  // With an empty variable, `${DATA}/` would be the root of the file system and `${DATA}` the folder of the file.
  const place = (given: string, payload: Payload): string => expand(context, given, payload, 'whole');
  const toPath = (given: string, payload: Payload): string => absolute(context, place(given, payload), payload);
  const text = z.string().min(1).transform(expanded);
  return {
    text,
    shellLine,
    path: z.string().min(1).transform(toPath),
    storageUrl: z
      .string()
      .min(1)
      .transform((given, payload) => absoluteUrl(context, place(given, payload), payload)),
    secret: secretSchema(context, toPath),
    // The types of both: zod does not follow that `Array.isArray` tells a list from an item.
    oneOrMore: (item) =>
      z
        .union([item, z.array(item).min(1)], { error: listError })
        .transform((given) => (Array.isArray(given) ? given : [given])) as never,
    listOf: (item) =>
      z
        .union([item, z.array(item)], { error: listError })
        .transform((given) => (Array.isArray(given) ? given : [given])) as never,
  };
}

/** The message for an empty list, and for what is neither text nor a list of texts. */
function listError({ input }: { readonly input?: unknown }): string | undefined {
  if (input === undefined) return undefined;
  if (Array.isArray(input) && input.length === 0) return 'must not be an empty list';
  return 'must be text, or a list of texts; numbers and yes/no need quotes';
}

function expand(
  { env, missing: rule }: SchemaContext,
  given: string,
  payload: Payload,
  wanted: 'whole' | 'may-be-part-empty',
): string {
  if (!isWellFormed(given)) return refuse(payload, given, MALFORMED, given);
  const { text, missing, empty } = expandVariables(given, env);
  const isTooEmpty = empty.length > 0 && (wanted === 'whole' || text === '');
  if (rule === 'tell' && missing.length > 0) tellMissing(payload, given, describeMissing(missing));
  if (rule === 'tell' && isTooEmpty) tellMissing(payload, given, describeEmpty(empty));
  return text;
}

function tellMissing(payload: Payload, input: string, message: string): void {
  payload.issues.push({ code: 'custom', message, input, params: { reason: MISSING_VARIABLE }, continue: true });
}

function absolute({ folder, home }: SchemaContext, path: string, payload: Payload): string {
  if (path !== '~' && !path.startsWith('~/')) return resolve(folder, path);
  return home === undefined
    ? refuse(payload, path, 'begins with ~, and HOME is not set', path)
    : resolve(home, path.slice(2));
}

function absoluteUrl(context: SchemaContext, url: string, payload: Payload): string {
  // A colon behind the first slash belongs to a path, as `parseStorageUrl` has it.
  const scheme = /^([^/\\:]*):/.exec(url)?.[1]?.toLowerCase();
  if (scheme === 'local') return absolute(context, url.slice('local:'.length), payload);
  return scheme === undefined ? absolute(context, url, payload) : url;
}

const shellLine: z.ZodType<string> = z.string().min(1);

const SECRET_FORMS =
  "must be text, '${NAME}', { env: NAME }, { file: PATH } or { command: COMMAND }; a number needs quotes";

function secretSchema(
  { fromCode }: SchemaContext,
  toPath: (given: string, payload: Payload) => string,
): z.ZodType<SecretReference> {
  const inEnvironment = z
    .strictObject({ env: z.string().regex(/^[A-Za-z_]\w*$/) })
    .transform(({ env }): SecretReference => ({ kind: 'environment', template: `\${${env}}` }));
  const inFile = z
    .strictObject({ file: z.string().min(1).transform(toPath) })
    .transform(({ file }): SecretReference => ({ kind: 'file', path: file }));
  const byCommand = z
    .strictObject({ command: shellLine })
    .transform(({ command }): SecretReference => ({ kind: 'command', command }));
  const inText = z
    .string()
    .min(1)
    .transform((text, payload: Payload): SecretReference => {
      if (!isWellFormed(text)) refuse(payload, undefined, MALFORMED, text);
      return hasVariables(text) ? { kind: 'environment', template: text } : { kind: 'text', value: new Secret(text) };
    });
  const asSecret = z.instanceof(Secret).transform((value): SecretReference => ({ kind: 'text', value }));
  const forms = [inText, inEnvironment, inFile, byCommand, ...(fromCode ? [asSecret] : [])] as const;
  return z.union(forms, { error: saying(SECRET_FORMS) });
}

/** A field that is there only where it has a value. */
export function given<N extends string, T>(name: N, value: T | undefined): { readonly [K in N]?: T } {
  // A computed key widens to any string.
  return value === undefined ? {} : ({ [name]: value } as { readonly [K in N]?: T });
}
