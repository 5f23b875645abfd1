import { CairnError } from '../../base/errors.ts';
import { shortId } from '../../base/ids.ts';
import type { IndexRepairPlan } from '../../repository/repair/repair-index.ts';
import type { CliContext } from '../context.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { plural } from '../output/format.ts';

export interface RepairIndexFlags {
  readonly readAllPacks: boolean;
  readonly dryRun: boolean;
}

export async function repairIndex(cli: CliContext, { readAllPacks, dryRun }: RepairIndexFlags): Promise<void> {
  await using vault = await openCliVault(cli);
  const result = await cli.follow(vault.repairIndex({ readAllPacks, dryRun, signal: cli.signal }));
  if (cli.options.json) {
    await cli.out.json({ schema: 1, dryRun, ...result });
  } else {
    await cli.out.write(describePlan(result.plan));
    const { packsListed, indexFilesWritten, indexFilesRemoved } = result;
    if (!dryRun && indexFilesWritten + indexFilesRemoved > 0) {
      const files = `wrote ${plural(indexFilesWritten, 'index file')}, removed ${indexFilesRemoved}`;
      await cli.out.write(`listed ${plural(packsListed, 'pack')}; ${files}\n`);
    }
  }
  for (const { message } of result.unreadablePacks) cli.warn(message);
  const { missingPacks } = result.plan;
  if (result.unreadablePacks.length > 0) throw unreadable(result.unreadablePacks.length);
  if (missingPacks.length > 0 && !dryRun) {
    cli.warn(`${plural(missingPacks.length, 'pack')} cannot be brought back; see what that means with \`cairn check\``);
  }
}

function describePlan({ damagedIndexFiles, missingPacks, packsToRead }: IndexRepairPlan): string {
  const count = (why: string): number => packsToRead.filter((pack) => pack.why === why).length;
  const lines = [
    ...damagedIndexFiles.map((id) => `index file ${shortId(id)} cannot be read\n`),
    ...missingPacks.map((id) => `pack ${shortId(id)} is gone, and the index lists it\n`),
    ...some(count('unlisted'), 'pack', 'in no index file'),
    ...some(count('repeated'), 'pack', 'in more than one index file'),
    ...some(count('size'), 'pack', 'of another size than the index says'),
    ...some(count('all'), 'pack', 'to be read again'),
  ];
  return lines.length === 0 ? 'the index agrees with the packs\n' : lines.join('');
}

function some(count: number, what: string, how: string): string[] {
  return count === 0 ? [] : [`${plural(count, what)} ${how}\n`];
}

function unreadable(count: number): CairnError {
  return new CairnError('REPAIR_PARTIAL', `the headers of ${plural(count, 'pack')} cannot be read`, {
    hint: 'Each is named above. `cairn repair packs ID` saves what is intact in one; a pack of an interrupted upload goes in a prune.',
  });
}
