import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { makeFolders } from '../../base/make-folders.ts';
import { CairnError, messageOf } from '../../base/errors.ts';
import { type PackId, shortId } from '../../base/ids.ts';
import type { LostBlob, PackRepairPlan, PackState } from '../../repository/repair/repair-packs.ts';
import type { CliContext } from '../context.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { formatBytes, plural } from '../output/format.ts';

export interface RepairPacksFlags {
  readonly findings?: string;
  readonly copiesTo: string;
  /** `false` for `--no-copies`. */
  readonly copies: boolean;
  readonly dryRun: boolean;
}

export async function repairPacks(cli: CliContext, ids: readonly string[], flags: RepairPacksFlags): Promise<void> {
  const { dryRun } = flags;
  const findings = flags.findings === undefined ? [] : await readFindings(flags.findings);
  if (ids.length === 0 && flags.findings === undefined) {
    throw new CairnError('USAGE', 'no pack is named', { hint: 'Give ids of packs, or --findings FILE.' });
  }
  await using vault = await openCliVault(cli);
  const result = await cli.follow(
    vault.repairPacks([...ids, ...findings], {
      dryRun,
      signal: cli.signal,
      onPlan: (plan) => confirmRemoval(cli, plan),
      ...(flags.copies ? { onDamagedPack: (id, bytes) => saveCopy(cli, flags.copiesTo, id, bytes) } : {}),
    }),
  );
  const lost = result.plan.packs.flatMap((pack) => (pack.state === 'damaged' ? pack.lost : []));
  if (cli.options.json) await cli.out.json({ schema: 1, dryRun, ...result });
  else {
    await cli.out.write(describePlan(result.plan));
    if (!dryRun) await cli.out.write(`removed ${plural(result.removedPacks.length, 'damaged pack')}\n`);
  }
  if (lost.length > 0) throw partsLost(lost, dryRun);
}

async function confirmRemoval(cli: CliContext, plan: PackRepairPlan): Promise<void> {
  cli.info(describePlan(plan).trimEnd());
  const damaged = plan.packs.filter(({ state }) => state === 'damaged').length;
  const consequence = `what is intact in ${plural(damaged, 'pack')} would be stored again, and the damaged rest removed`;
  await cli.confirm(`${consequence}. Go on?`, consequence);
}

function describePlan({ packs }: PackRepairPlan): string {
  return packs.length === 0 ? 'no pack to repair\n' : packs.map((pack) => `${describePack(pack)}\n`).join('');
}

function describePack(pack: PackState): string {
  const name = `pack ${shortId(pack.id)}`;
  switch (pack.state) {
    case 'intact':
      return `${name} is intact and stays`;
    case 'missing':
      return `${name} is not there; \`cairn repair index\` makes the index forget it`;
    case 'damaged': {
      const saved = `${plural(pack.savedBlobs, 'part')} (${formatBytes(pack.savedBytes)}) intact`;
      return `${name}: ${saved}, ${pack.elsewhere.length} damaged and also in other packs, ${pack.lost.length} lost`;
    }
    default:
      return pack satisfies never;
  }
}

function partsLost(lost: readonly LostBlob[], dryRun: boolean): CairnError {
  const message = `${plural(lost.length, 'part')} of files or folders ${dryRun ? 'would be' : lost.length === 1 ? 'is' : 'are'} lost with the packs`;
  return new CairnError('REPAIR_PARTIAL', message, {
    hint: 'Back up the same files again, which may bring them back; then `cairn check`, and `cairn repair snapshots` for what stays missing.',
    facts: { blobs: lost.slice(0, 100).map(({ id }) => id) },
  });
}

async function saveCopy(cli: CliContext, folder: string, id: PackId, bytes: Uint8Array): Promise<void> {
  const path = join(folder, `damaged-pack-${id}`);
  await makeFolders(folder, 0o777);
  await writeFile(path, bytes, { mode: 0o600 });
  cli.info(`kept a copy of the damaged pack in ${path}`);
}

interface CheckDocument {
  readonly findings: readonly { readonly kind: string; readonly object: string }[];
}

/** Only damage of packs; `check` names other objects too. */
async function readFindings(file: string): Promise<CheckDocument['findings']> {
  const wanted = new Set(['pack-damaged', 'pack-size', 'blob-damaged']);
  try {
    const json = file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
    return parseFindings(JSON.parse(json)).filter(({ kind }) => wanted.has(kind));
  } catch (error) {
    throw new CairnError('USAGE', `${file} cannot be read as findings: ${messageOf(error)}`, {
      hint: 'Give what `cairn check --read-data --json` printed.',
      cause: error,
    });
  }
}

function parseFindings(document: unknown): CheckDocument['findings'] {
  const { findings }: Partial<CheckDocument> = Object(document);
  const isList =
    Array.isArray(findings) &&
    findings.every(({ kind, object }) => typeof kind === 'string' && typeof object === 'string');
  if (!isList) throw new Error('it has no list `findings`');
  return findings;
}
