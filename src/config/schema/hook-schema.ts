import * as z from 'zod';
import type { HookConfig, HooksConfig } from '../hook-config.ts';
import { duration, saying, type SchemaParts, strict } from './schema-parts.ts';

const DEFAULT_TIMEOUT_MS = 5 * 60_000;
const EVENT = /^[a-z][A-Za-z]*\.(?:before|done|failed)$/;

export function hooksSchema(parts: SchemaParts): z.ZodType<HooksConfig> {
  const hook = strict({
    run: parts.shellLine,
    timeout: duration.default(DEFAULT_TIMEOUT_MS),
    onError: z.enum(['fail', 'warn']).exactOptional(),
  }).transform(({ run, timeout, onError }) => ({ run, timeoutMs: timeout, onError }));
  const line = parts.shellLine.transform((run) => ({ run, timeoutMs: DEFAULT_TIMEOUT_MS, onError: undefined }));
  const hooks = z.array(z.union([line, hook], { error: saying('must be a line for the shell, or { run: LINE }') }));
  const event = z.string().regex(EVENT, {
    error: 'is no event: write ACTION.before, ACTION.done or ACTION.failed, such as backup.before',
  });
  return z.record(event, hooks).transform((all) =>
    Object.fromEntries(
      Object.entries(all).map(([name, list]) => [
        name,
        // What runs before may be what makes the backup right; what runs after it changes nothing any more.
        list.map((one): HookConfig => ({
          ...one,
          onError: one.onError ?? (name.endsWith('.before') ? 'fail' : 'warn'),
        })),
      ]),
    ),
  );
}
