import { Job } from '../../base/job.ts';
import type { Secret } from '../../base/secret.ts';
import type { LoadedConfig } from '../../config/loaded-config.ts';
import type { Vault } from '../../vault/vault.ts';
import type { ConfiguredSource } from '../configured-source.ts';
import { runSources, type RunSourcesOptions, type RunSourcesResult } from '../run-sources.ts';
import { openRunNotifications, type RunNotificationsOptions } from './run-notifications.ts';

export interface NotifiedPlan extends RunNotificationsOptions {
  readonly loaded: LoadedConfig;
  readonly plan: string;
  readonly sources: readonly ConfiguredSource[];
  readonly openVault: () => Promise<Vault>;
  /** Passwords that are known once the vault is open, to be kept out of messages. */
  readonly secrets: Iterable<Secret>;
}

/** `runSources` for a plan, with its notifications: they are told of what it does, and waited for at its end. */
export function runNotified(
  { loaded, plan, sources, openVault, secrets, ...rest }: NotifiedPlan,
  options: RunSourcesOptions,
): Job<RunSourcesResult> {
  const { signal } = options;
  const names = sources.map((source) => source.options.name ?? source.name);
  const run = { plan, sources: names, vault: loaded.plan(plan).vault ?? 'the default vault' };
  return new Job<RunSourcesResult>(
    async (job) => {
      await using notifications = openRunNotifications(loaded, run, rest);
      const vault = await notifications.open(async () => {
        try {
          return await openVault();
        } finally {
          for (const secret of secrets) notifications.addSecret(secret);
        }
      });
      const inner = runSources(vault, sources, { ...options, signal: job.signal });
      for await (const progress of inner) job.report(progress);
      return await inner;
    },
    signal === undefined ? {} : { signal },
  );
}
