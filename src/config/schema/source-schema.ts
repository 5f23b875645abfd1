import * as z from 'zod';
import { type SourceConfig, sourceTypes } from '../source-config.ts';
import { byType, saying, type SchemaParts, size, strict } from './schema-parts.ts';

export function sourceSchema(parts: SchemaParts): z.ZodType<SourceConfig> {
  const { text, path, listOf } = parts;
  const naming = { name: text.exactOptional(), tags: listOf(tag(text)).default([]) };
  const files = strict({
    type: z.literal('files'),
    ...naming,
    paths: parts.oneOrMore(path),
    exclude: listOf(text).default([]),
    iexclude: listOf(text).default([]),
    excludeFiles: listOf(path).default([]),
    iexcludeFiles: listOf(path).default([]),
    excludeIfPresent: listOf(text).default([]),
    excludeCaches: z.boolean().default(false),
    excludeLargerThan: sizeText(text).exactOptional(),
    ignoreFiles: listOf(text).exactOptional(),
    gitignore: z.boolean().default(false),
    oneFileSystem: z.boolean().default(false),
  });
  const command = strict({
    type: z.literal('command'),
    ...naming,
    command: commandLine(parts),
    filename: text,
    cwd: path.exactOptional(),
  });
  const stdin = strict({ type: z.literal('stdin'), ...naming, filename: text });
  const plugin = strict({
    type: z.literal('plugin'),
    ...naming,
    of: text,
    options: z.record(z.string(), z.unknown()).default({}),
  });
  return byType<SourceConfig>([files, command, stdin, plugin], 'source', sourceTypes);
}

/** A comma would split it in restic. */
export function tag(text: z.ZodType<string>): z.ZodType<string> {
  return text.refine((value) => !value.includes(','), { error: 'a tag cannot hold a comma' });
}

/** Checked here, read where it is used. */
function sizeText(text: z.ZodType<string>): z.ZodType<string> {
  return text.refine((value) => size.safeParse(value).success, { error: 'must be a size such as 512K, 10M or 1.5G' });
}

/** A line for the shell, or a program with its arguments. Both have one word at least, which zod's types do not tell. */
function commandLine({ text, shellLine }: SchemaParts): z.ZodType<[string, ...string[]]> {
  const line = shellLine.transform((command) => ['sh', '-c', command]);
  return z.union([line, z.array(text).min(1)], {
    error: saying('must be a line for the shell, or a list: the program and its arguments'),
  }) as never;
}
