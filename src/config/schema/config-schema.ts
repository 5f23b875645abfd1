import * as z from 'zod';
import type { Config } from '../config.ts';
import { hooksSchema } from './hook-schema.ts';
import { notifierSchema } from './notifier-schema.ts';
import { planSchema } from './plan-schema.ts';
import { pluginsSchema } from './plugin-schema.ts';
import { given, named, type SchemaContext, schemaParts, strict } from './schema-parts.ts';
import { sourceSchema } from './source-schema.ts';
import { vaultSchema } from './vault-schema.ts';

type Sections = ReturnType<typeof sections>;

// oxlint-disable-next-line typescript/explicit-function-return-type -- the shape is what zod makes of it
function sections(context: SchemaContext) {
  const parts = schemaParts(context);
  return {
    default: strict({ vault: z.string().min(1).exactOptional() }).default({}),
    vaults: named(vaultSchema(parts)).default({}),
    sources: named(sourceSchema(parts)).default({}),
    plans: named(planSchema(parts)).default({}),
    notifications: named(notifierSchema(parts)).default({}),
    hooks: hooksSchema(parts).default({}),
    plugins: pluginsSchema(parts).default([]),
    plugins_dir: parts.path.exactOptional(),
  } satisfies Readonly<Record<string, z.ZodType>>;
}

/** A configuration with a profile put over it. */
export function configSchema(context: SchemaContext): z.ZodType<Config> {
  return strict<Sections>(sections(context)).transform(({ plugins_dir: folder, ...rest }): Config => ({
    ...rest,
    ...given('pluginsDir', folder),
  }));
}

/** The JSON Schema of a file, for editors. */
export function configJsonSchema(): object {
  const context: SchemaContext = { folder: '/', home: '/', env: {}, missing: 'leave', fromCode: false };
  const whole = z.toJSONSchema(z.strictObject(sections(context)), { io: 'input', target: 'draft-2020-12' });
  // A profile changes single keys of entries, so that none of them is required there. An object stays an object.
  const { $schema: _, ...profile } = withoutRequired(whole) as { readonly $schema: unknown };
  return {
    title: 'cairn.yaml',
    ...whole,
    properties: { ...whole.properties, profiles: { type: 'object', additionalProperties: profile } },
  };
}

function withoutRequired(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutRequired);
  if (typeof schema !== 'object' || schema === null) return schema;
  const kept = Object.entries(schema).filter(([key, value]) => key !== 'required' || !Array.isArray(value));
  return Object.fromEntries(kept.map(([key, value]) => [key, withoutRequired(value)]));
}
