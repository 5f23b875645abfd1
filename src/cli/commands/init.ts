import { Option } from 'commander';
import { CairnError } from '../../base/errors.ts';
import { shortId } from '../../base/ids.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addExamples, addExitCodes } from '../help.ts';
import { createDefaultVault, storageSettings, tell, vaultOptions } from '../open-cli-vault.ts';
import { chooseVault, placeOf } from '../vault-choice.ts';

interface InitFlags {
  readonly chunker: 'gear' | 'rabin';
  readonly repoVersion: '1' | '2';
  readonly coldClass?: string;
}

export const initCommand: CommandModule = {
  configure(command, start) {
    command
      .description(
        "Makes a new vault: a repository in restic's format. Without --vault it is the default one, with a random key;\n" +
          'elsewhere a password is asked for, twice.',
      )
      .addOption(
        new Option('--chunker <kind>', 'how files are cut: gear is faster; rabin shares pieces with what restic writes')
          .choices(['gear', 'rabin'])
          .default('gear'),
      )
      .addOption(
        new Option('--repo-version <version>', 'format of the repository; 1 has no compression')
          .choices(['1', '2'])
          .default('2'),
      )
      .option('--cold-class <class>', 'put the data (not what describes it) into this storage class, such as GLACIER')
      .action((flags: InitFlags) => start((cli) => init(cli, flags)));
    addExamples(command, [
      ['cairn init --vault /mnt/disk/vault', 'asks for a password'],
      ['cairn init --vault /mnt/disk/vault --password-file ~/.vault-password', 'takes it from a file'],
      ['cairn init --vault s3://bucket/vault --cold-class DEEP_ARCHIVE', 'data in the deep archive, the rest at hand'],
      ['cairn init --chunker rabin --vault ./shared', 'for a repository that restic writes to as well'],
    ]);
    addExitCodes(command, ['password', 'full', 'readOnly', 'denied', 'vaultExists']);
  },
};

async function init(cli: CliContext, flags: InitFlags): Promise<void> {
  const choice = await chooseVault(cli.options.vault, cli.env, cli.config);
  const format = {
    chunker: flags.chunker,
    version: flags.repoVersion === '1' ? 1 : 2,
    ...(flags.coldClass === undefined ? {} : { coldClass: flags.coldClass }),
  } as const;
  const { initVault, vaultExists } = await import('../../vault/open-vault.ts');
  if (await vaultExists(choice.url, cli.signal, await storageSettings(cli, choice), (notice) => tell(cli, notice))) {
    const url = placeOf(choice);
    throw new CairnError('VAULT_EXISTS', `there is a vault at ${url} already`, {
      hint: 'Use it as it is, or choose another place with --vault.',
      facts: { url },
    });
  }
  await using vault =
    choice.kind === 'default'
      ? await createDefaultVault(cli, choice, format)
      : await initVault(choice.url, { ...(await vaultOptions(cli, choice, 'create')), ...format });
  const { config } = vault;
  if (cli.options.json) {
    await cli.out.json({
      schema: 1,
      vault: vault.url,
      id: config.id,
      version: config.version,
      chunker: config.chunker,
      coldClass: config.coldClass ?? null,
    });
    return;
  }
  if (choice.kind !== 'default' && !cli.options.insecureNoPassword) {
    cli.info('keep the password safe: without it nothing in the vault can be restored');
  }
  await cli.out.write(`vault ${shortId(config.id)} is ready at ${vault.url}\n`);
}
