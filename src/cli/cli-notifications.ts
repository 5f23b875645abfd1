// The notifications of the configuration, for what a command line backs up by name. Where none are configured nothing of
// it is loaded.
import type { NotifiedRun, RunNotifications } from '../app/notifications/run-notifications.ts';
import type { Vault } from '../vault/vault.ts';
import type { CliContext } from './context.ts';
import { openCliVault, type OpenCliVaultOptions } from './open-cli-vault.ts';

/** `undefined` where there are none. Dispose it after the vault. */
export async function cliNotifications(
  cli: CliContext,
  run: Omit<NotifiedRun, 'vault'> & { readonly vault: string | undefined },
): Promise<RunNotifications | undefined> {
  const loaded = await cli.config();
  if (loaded === undefined || Object.keys(loaded.config.notifications).length === 0) return undefined;
  const { openRunNotifications } = await import('../app/notifications/run-notifications.ts');
  const named = { ...run, vault: run.vault ?? cli.options.vault ?? 'the vault of this command line' };
  return openRunNotifications(loaded, named, {
    env: cli.env,
    onWarning: cli.warn,
    notifiers: (await cli.extensions())?.notifiers,
  });
}

/** Opens the vault; that it cannot be opened is told too. */
export function openNotifiedVault(
  cli: CliContext,
  notifications: RunNotifications | undefined,
  options: OpenCliVaultOptions,
): Promise<Vault> {
  if (notifications === undefined) return openCliVault(cli, options);
  return notifications.open(() =>
    openCliVault(cli, { ...options, onPassword: (password) => notifications.addSecret(password) }),
  );
}
