import type { DeliveryReport } from '../../app/notifications/notifications.ts';
import { statSync } from 'node:fs';
import { CairnError, isCairnError, messageOf } from '../../base/errors.ts';
import { loadConfig } from '../../config/load-config.ts';
import type { LoadedConfig } from '../../config/loaded-config.ts';
import { configSecrets } from '../../config/config-secrets.ts';
import type { CliContext } from '../context.ts';
import { plural } from '../output/format.ts';
import { printable } from '../output/printable.ts';
import { configInUse } from './config-file.ts';

/** Checks the file alone and with each profile, or with the one that is named. Throws `CONFIG_INVALID` with all faults. */
export async function validateConfig(
  cli: CliContext,
  { secrets, sendTest }: { readonly secrets: boolean; readonly sendTest: boolean },
): Promise<void> {
  const loaded = await configInUse(cli);
  const profiles = cli.options.profile === undefined ? loaded.profiles : [];
  const all = [loaded];
  for (const profile of profiles) {
    const other = await loadConfig({ file: loaded.file, profile, env: cli.env });
    if (other !== undefined) all.push(other);
  }
  for (const one of all) {
    one.requireVariables();
    if (secrets) await lookUpSecrets(one, cli.signal);
  }
  const sent = sendTest ? await testMessages(cli, loaded) : undefined;
  const note = noteOnReaders(loaded.file);
  if (note !== undefined) cli.info(note);
  const { config } = loaded;
  const counts = {
    vaults: Object.keys(config.vaults).length,
    sources: Object.keys(config.sources).length,
    plans: Object.keys(config.plans).length,
    notifications: Object.keys(config.notifications).length,
    profiles: loaded.profiles.length,
  };
  if (cli.options.json) {
    const tests = sent === undefined ? {} : { testMessages: sent };
    await cli.out.json({ schema: 1, file: loaded.file, isValid: true, ...counts, warnings: loaded.warnings, ...tests });
    assertDelivered(sent);
    return;
  }
  const words = Object.entries(counts).map(([what, count]) => plural(count, what.slice(0, -1)));
  await cli.out.write(`${printable(loaded.file ?? '')} is in order: ${words.join(', ')}\n`);
  for (const name of sent?.delivered ?? []) await cli.out.write(`${printable(name)}: the test message was taken\n`);
  assertDelivered(sent);
}

async function testMessages(cli: CliContext, loaded: LoadedConfig): Promise<DeliveryReport> {
  const { sendTestMessages } = await import('../../app/notifications/send-test-messages.ts');
  return sendTestMessages(loaded, cli.warn, (await cli.extensions())?.notifiers);
}

function assertDelivered(report: DeliveryReport | undefined): void {
  const [first, ...others] = report?.failed ?? [];
  if (first === undefined) return;
  const more = others.length === 0 ? '' : `, and ${others.length} more`;
  const hint = first.hint === undefined ? {} : { hint: first.hint };
  throw new CairnError('NOTIFICATION_FAILED', `${first.notifier}: ${first.message}${more}`, hint);
}

/** Worth a word where somebody looks at the file, and not in each run: files of a project are for all to read. */
function noteOnReaders(file: string | undefined): string | undefined {
  if (file === undefined || process.platform === 'win32' || (statSync(file).mode & 0o044) === 0) return undefined;
  return `others can read ${file}; it holds no secret. To change that: chmod 600 ${file}`;
}

async function lookUpSecrets(loaded: LoadedConfig, signal: AbortSignal): Promise<void> {
  const faults: string[] = [];
  for (const { reference, path } of configSecrets(loaded.config)) {
    try {
      await loaded.secret(reference, path, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!isCairnError(error)) throw error;
      faults.push(messageOf(error));
    }
  }
  if (faults.length === 0) return;
  const message =
    faults.length === 1 ? (faults[0] ?? '') : `${faults.length} secrets cannot be had:\n${faults.join('\n')}`;
  throw new CairnError('CONFIG_INVALID', message, {
    hint: 'Set the variable, or correct the file or command that the configuration names for it.',
  });
}
