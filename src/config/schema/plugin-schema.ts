import * as z from 'zod';
import type { PluginConfig } from '../plugin-config.ts';
import { duration, given, saying, type SchemaParts, strict } from './schema-parts.ts';

export function pluginsSchema(parts: SchemaParts): z.ZodType<PluginConfig[]> {
  // A path is one that says so; all else is the name of a file in the folder of plugins, or of a package.
  const module = z.union([
    z
      .string()
      .regex(/^(?:\.{1,2}|~)?\//)
      .pipe(parts.path),
    parts.text,
  ]);
  const full = strict({
    use: module,
    required: z.boolean().default(false),
    timeout: duration.exactOptional(),
    options: z.record(z.string(), z.unknown()).default({}),
  }).transform(({ timeout, ...rest }): PluginConfig => ({ ...rest, ...given('timeoutMs', timeout) }));
  const short = module.transform((use): PluginConfig => ({ use, required: false, options: {} }));
  return z.array(z.union([short, full], { error: saying('must be a path, the name of a package, or { use: … }') }));
}
