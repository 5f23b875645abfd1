import { CairnError, isCairnError, messageOf } from '../base/errors.ts';
import { withoutSecretVariables } from '../base/secret-variables.ts';
import type { Logger } from '../base/logger.ts';
import { runCommand } from '../sources/command/run-command.ts';
import type { VaultEventName } from '../vault/vault-events.ts';
import { DEFAULT_HOOK_TIMEOUT_MS, type HookEntry } from './hook-entry.ts';
import { type HookedEvent, hookDocument, hookEnvironment } from './hook-event.ts';
import { LineSplitter } from './line-splitter.ts';

export interface RunHookOptions {
  /** Where the command runs: the folder of the configuration. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly logger: Logger;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs the command of a hook; what it prints goes to the log. Throws `HOOK_FAILED` where it fails or takes too long, in
 * which case its process group is ended, and the reason of an abort.
 */
export async function runHook(
  name: VaultEventName,
  { run, timeoutMs = DEFAULT_HOOK_TIMEOUT_MS }: HookEntry,
  event: HookedEvent,
  { folder, env, logger, signal }: RunHookOptions,
): Promise<void> {
  const late = AbortSignal.timeout(timeoutMs);
  const stop = signal === undefined ? late : AbortSignal.any([signal, late]);
  const lines = new LineSplitter((line) => logger.info(`hook ${name}: ${line}`, { hook: name }));
  try {
    const output = runCommand(
      {
        command: 'sh',
        args: ['-c', run],
        cwd: folder,
        env: { ...withoutSecretVariables(env), ...hookEnvironment(name, event) },
        input: `${JSON.stringify(hookDocument(name, event))}\n`,
        onStderr: (chunk) => lines.add('stderr', chunk),
      },
      stop,
    );
    for await (const chunk of output) lines.add('stdout', chunk);
  } catch (error) {
    signal?.throwIfAborted();
    throw hookFailed(name, late.aborted ? `it was ended after ${timeoutMs / 1000} s` : reasonOf(error), error);
  } finally {
    lines.end();
  }
}

function reasonOf(error: unknown): string {
  const exitCode = isCairnError(error) ? error.facts['exitCode'] : undefined;
  return exitCode === undefined ? messageOf(error) : `its command exited with status ${String(exitCode)}`;
}

/** The command line is not shown: people put secrets into it. */
function hookFailed(name: VaultEventName, reason: string, cause: unknown): CairnError {
  return new CairnError('HOOK_FAILED', `the hook of ${name} failed: ${reason}`, {
    hint: 'What it printed is in the log. `onError: warn` lets the action go on without it.',
    facts: { event: name },
    cause,
  });
}
