import { configJsonSchema } from '../../config/schema/config-schema.ts';
import type { CliContext } from '../context.ts';

export async function printSchema(cli: CliContext): Promise<void> {
  // It is JSON with and without --json.
  await cli.out.json(configJsonSchema());
}
