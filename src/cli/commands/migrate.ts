import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CairnError } from '../../base/errors.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';

interface MigrateFlags {
  readonly dryRun: boolean;
}

export const migrateCommand: CommandModule = {
  configure(command, start) {
    command
      .description(
        'Turns a vault of version 1 into version 2, which compresses. The vault is checked first. What is stored stays as it\n' +
          'is; new data is compressed. restic before 0.14 cannot read version 2.',
      )
      .argument('[migration]', 'as restic calls it: upgrade_repo_v2, and there is no other')
      .option('-n, --dry-run', 'check only, and change nothing', false)
      .action((name: string | undefined, flags: MigrateFlags) => start((cli) => migrate(cli, name, flags)));
    addExamples(command, [['cairn migrate', 'after a question']]);
    addExitCodes(command, [...vaultExits, 'confirmation', 'checkFailed', 'readOnly']);
  },
};

async function migrate(cli: CliContext, name: string | undefined, { dryRun }: MigrateFlags): Promise<void> {
  if (name !== undefined && name !== 'upgrade_repo_v2') {
    throw new CairnError('USAGE', `there is no migration ${JSON.stringify(name)}`, { hint: 'Leave it out.' });
  }
  await using vault = await openCliVault(cli);
  const copies: string[] = [];
  const result = await cli.follow(
    vault.migrate({
      dryRun,
      signal: cli.signal,
      onPlan: () => {
        const consequence = `${vault.url} would become version 2, which restic before 0.14 cannot read`;
        return cli.confirm(`${consequence}. Go on?`, consequence);
      },
      keepOldConfig: async (bytes) => {
        const folder = await mkdtemp(join(tmpdir(), 'cairn-config-'));
        copies.push(folder);
        await writeFile(join(folder, 'config'), bytes, { mode: 0o600 });
        // This storage cannot replace a file at once: if this stops half way, the copy is the only one.
        cli.insist(`a copy of the old config is in ${join(folder, 'config')} until this is done`);
      },
    }),
  );
  for (const folder of copies) await rm(folder, { recursive: true, force: true });
  if (cli.options.json) await cli.out.json({ schema: 1, dryRun, ...result });
  else await cli.out.write(describe(result.from, result.isChanged));
}

function describe(from: 1 | 2, isChanged: boolean): string {
  if (from === 2) return 'the vault has version 2 already\n';
  return isChanged ? 'the vault has version 2 now\n' : 'the vault is whole and can become version 2\n';
}
