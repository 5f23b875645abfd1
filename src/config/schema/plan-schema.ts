import * as z from 'zod';
import type { PlanConfig } from '../plan-config.ts';
import { hooksSchema } from './hook-schema.ts';
import { rotationSchema } from './rotation-schema.ts';
import { interval, type SchemaParts, strict } from './schema-parts.ts';
import { tag } from './source-schema.ts';

export function planSchema(parts: SchemaParts): z.ZodType<PlanConfig> {
  const name = z.string().min(1);
  return strict({
    sources: parts.oneOrMore(name),
    vault: name.exactOptional(),
    schedule: parts.text.exactOptional(),
    every: interval.exactOptional(),
    keep: rotationSchema.exactOptional(),
    tags: parts.listOf(tag(parts.text)).default([]),
    notifications: parts.listOf(name).exactOptional(),
    hooks: hooksSchema(parts).default({}),
  });
}
