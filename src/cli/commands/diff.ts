import type { DiffChange, DiffResult } from '../../vault/look/look-inside.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { formatBytes, plural } from '../output/format.ts';
import { printable } from '../output/printable.ts';

interface DiffFlags {
  readonly metadata: boolean;
}

export const diffCommand: CommandModule = {
  configure(command, start) {
    command
      .description(
        'Compares two backups. Signs: + only in the second, - only in the first, M content differs, T type differs,\n' +
          'U metadata differs, M? content differs though nothing else does.',
      )
      .argument('<before>', 'an id or its beginning, `latest`, a name, or name@time')
      .argument('<after>', 'the same')
      .option('--metadata', 'also what differs in owner, mode or time alone', false)
      .action((before: string, after: string, flags: DiffFlags) => start((cli) => diff(cli, before, after, flags)));
    addExamples(command, [['cairn diff documents@2026-11-18 documents', 'what changed since that day']]);
    addExitCodes(command, [...vaultExits, 'unknownRef', 'ambiguousRef']);
  },
};

async function diff(cli: CliContext, before: string, after: string, { metadata }: DiffFlags): Promise<void> {
  await using vault = await openCliVault(cli);
  const changes: DiffChange[] = [];
  const result = await vault.diff(before, after, {
    metadata,
    signal: cli.signal,
    onChange: (change) => changes.push(change),
  });
  if (cli.options.json) {
    await cli.out.json({ schema: 1, ...result, changes });
    return;
  }
  const lines = changes.map(({ modifier, entry }) => colorLine(cli, modifier, printable(entry.path)));
  await cli.out.write([...lines, summary(result)].map((line) => `${line}\n`).join(''));
}

function colorLine({ style }: CliContext, modifier: string, path: string): string {
  const line = `${modifier.padEnd(3)} ${path}`;
  if (modifier === '+') return style('green', line);
  return style(modifier === '-' ? 'red' : 'yellow', line);
}

function summary({ added, removed, changedFiles }: DiffResult): string {
  return (
    `${plural(added.files, 'file')} added, ${plural(removed.files, 'file')} removed, ${plural(changedFiles, 'file')} changed; ` +
    `${formatBytes(added.bytes)} new, ${formatBytes(removed.bytes)} gone`
  );
}
