import { CairnError } from '../../base/errors.ts';
import { checkRepository } from '../../repository/check/check-repository.ts';
import { type MigrateRepositoryOptions, migrateToVersion2 } from '../../repository/migrate.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import type { CareOptions } from './care-options.ts';
import { openExclusiveSession } from './exclusive-session.ts';

export interface MigrateResult {
  readonly from: 1 | 2;
  readonly to: 2;
  /** False where there was nothing to do, and in a dry run. */
  readonly isChanged: boolean;
}

export type MigrateOptions = CareOptions<MigrateResult> & Pick<MigrateRepositoryOptions, 'keepOldConfig'>;

/** Checks the vault first, as restic does: a damaged one is repaired in the version that its writers know. */
export async function migrateVault(context: ActionContext, options: MigrateOptions): Promise<MigrateResult> {
  const { repository, report } = context;
  const from = repository.config.version;
  // Without a lock: no version goes down, so nobody can make this wrong meanwhile.
  if (from === 2) return { from, to: 2, isChanged: false };
  await using session = await openExclusiveSession(context, options);
  const { signal } = session;
  const { isGood, findings } = await checkRepository(repository, {
    signal,
    onProgress: ({ phase, completed, total, errors }) =>
      report({ phase, completed, total, unit: 'steps', description: '', errors }),
  });
  if (!isGood) {
    const first = findings.find(({ severity }) => severity === 'error');
    throw new CairnError(
      'CHECK_FAILED',
      `the vault is damaged, so its version stays: ${first?.object}: ${first?.message}`,
      {
        hint: 'See all with `cairn check`, and repair it first.',
      },
    );
  }
  if (options.dryRun === true) return { from, to: 2, isChanged: false };
  await options.onPlan?.({ from, to: 2, isChanged: true });
  await session.assertHeld();
  await migrateToVersion2(repository, { signal, keepOldConfig: options.keepOldConfig });
  return { from, to: 2, isChanged: true };
}
