// One line of an exported catalog, as a value.
import { z } from 'zod';
import { CairnArgumentError, messageOf } from '../base/errors.ts';
import type { CatalogSetting, CatalogVault } from './catalog.ts';
import type { CatalogRow } from './catalog-backup.ts';
import type { CatalogProof, CatalogRun } from './run-rows.ts';

export type CatalogDocument =
  | { readonly type: 'vault'; readonly vault: CatalogVault }
  | { readonly type: 'backup'; readonly backup: CatalogRow }
  | { readonly type: 'run'; readonly run: CatalogRun }
  | { readonly type: 'proof'; readonly proof: CatalogProof }
  | { readonly type: 'setting'; readonly setting: CatalogSetting };

const FORMAT = 'cairn-catalog';
const VERSION = 1;

/** The first line. */
export function headerLine(): string {
  return JSON.stringify({ format: FORMAT, version: VERSION });
}

/** Throws `ARGUMENT_INVALID`, naming the line. Blank lines are none. */
export function parseCatalogLines(lines: readonly string[]): CatalogDocument[] {
  const [first = '', ...others] = lines;
  checkHeader(first);
  return others.flatMap((line, at) => (line.trim() === '' ? [] : [parseLine(line, at + 2)]));
}

function checkHeader(line: string): void {
  const header = z.object({ format: z.literal(FORMAT), version: z.number() }).safeParse(jsonOf(line, 1));
  if (!header.success) throw invalid(1, 'it is not the beginning of an exported catalog');
  if (header.data.version > VERSION) throw invalid(1, `version ${header.data.version} is newer than this program`);
}

function parseLine(line: string, number: number): CatalogDocument {
  const parsed = schema.safeParse(jsonOf(line, number));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalid(number, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not understood'}`);
}

function jsonOf(line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw invalid(number, messageOf(error));
  }
}

function invalid(number: number, what: string): CairnArgumentError {
  return new CairnArgumentError(`line ${number} of the exported catalog cannot be read: ${what}`, {
    hint: 'Nothing was taken over. Export it again with `cairn catalog export`.',
    facts: { line: number },
  });
}

const date = z.iso.datetime().transform((text) => new Date(text));
const form = z.enum(['snapshot', 'archive', 'replica', 'value']);
const count = z.int().nonnegative().nullable();
const texts = z.array(z.string());

const schema: z.ZodType<CatalogDocument> = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('vault'),
    vault: z.strictObject({ id: z.string(), url: z.string(), kind: z.enum(['cairn', 'bakthat']) }),
  }),
  z.strictObject({
    type: z.literal('backup'),
    backup: z.strictObject({
      vault: z.string(),
      form,
      id: z.string(),
      name: z.string(),
      time: date,
      host: z.string(),
      tags: texts,
      paths: texts,
      bytes: count,
      storedBytes: count,
      files: count,
      sha256: z.string().nullable(),
      encrypted: z.boolean(),
      codec: z.string().nullable(),
      object: z.string().nullable(),
      createdAt: date,
      updatedAt: date,
      deletedAt: date.nullable(),
    }),
  }),
  z.strictObject({
    type: z.literal('run'),
    run: z.strictObject({
      session: z.string(),
      vault: z.string(),
      action: z.string(),
      host: z.string(),
      pid: z.int(),
      startedAt: date,
      endedAt: date.nullable(),
      status: z.enum(['running', 'ok', 'partial', 'failed', 'aborted', 'lost']),
      errorCode: z.string().nullable(),
      counts: z.record(z.string(), z.number()),
    }),
  }),
  z.strictObject({
    type: z.literal('proof'),
    proof: z.strictObject({
      id: z.string(),
      vault: z.string(),
      form,
      backup: z.string(),
      provedAt: date,
      status: z.enum(['passed', 'failed']),
      host: z.string(),
      durationMs: z.number(),
      bytes: count,
      errorCode: z.string().nullable(),
      checks: z.record(z.string(), z.enum(['passed', 'failed'])),
    }),
  }),
  z.strictObject({
    type: z.literal('setting'),
    setting: z.strictObject({ key: z.string(), value: z.unknown(), updatedAt: date }),
  }),
]);
