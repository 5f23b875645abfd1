import type { CliContext } from '../context.ts';

export async function printSchema(cli: CliContext): Promise<void> {
  const { configJsonSchema } = await import('../../config/schema/config-schema.ts');
  // It is JSON with and without --json.
  await cli.out.json(configJsonSchema());
}
