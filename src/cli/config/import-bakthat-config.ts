import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CairnError, messageOf } from '../../base/errors.ts';
import { parseConfigDocument } from '../../config/config-document.ts';
import { dottedKey } from '../../config/config-issue.ts';
import { type ConfigEdit, editConfigText, readConfigText, writeConfigFile } from '../../config/edit-config.ts';
import { importBakthat } from '../../config/import-bakthat.ts';
import { checkConfigText } from '../../config/read-config.ts';
import { isFields } from '../../config/merge-profile.ts';
import type { CliContext } from '../context.ts';
import { plural } from '../output/format.ts';
import { printable } from '../output/printable.ts';
import { home } from '../user-places.ts';
import { fileToChange } from './config-file.ts';

/** Adds the profiles of bakthat as vaults. What is in the file already is replaced only after a yes. */
export async function importBakthatConfig(
  cli: CliContext,
  named: string | undefined,
  { dryRun }: { readonly dryRun: boolean },
): Promise<void> {
  const from = named ?? join(home(cli.env), '.bakthat.yml');
  const { edits, notes } = importBakthat(from, await readSource(from));
  const file = fileToChange(cli);
  const before = await readConfigText(file);
  const vaults = edits.filter(({ path }) => path[0] === 'vaults').map(({ path }) => String(path[1]));
  if (vaults.length === 0) {
    throw new CairnError('CONFIG_INVALID', `nothing of ${from} can be taken over: ${notes.join('; ')}`);
  }
  if (!dryRun) {
    const replaced = replacedKeys(parseConfigDocument(file, before).value, edits);
    if (replaced.length > 0) {
      const consequence = `${replaced.join(', ')} in ${file} would be replaced`;
      await cli.confirm(`${consequence}. Go on?`, consequence);
    }
    const text = editConfigText(file, before, edits);
    checkConfigText(file, text, cli.env);
    await writeConfigFile(file, text, cli.signal);
  }
  for (const note of notes) cli.info(`note: ${printable(note)}`);
  if (cli.options.json) await cli.out.json({ schema: 1, dryRun, file, vaults, notes });
  else if (dryRun) await cli.out.write(editConfigText('', '', edits.map(withoutSecrets)));
  else await cli.out.write(`wrote ${plural(vaults.length, 'vault')} (${vaults.join(', ')}) to ${printable(file)}\n`);
}

async function readSource(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new CairnError('CONFIG_INVALID', `cannot read ${file}: ${messageOf(error)}`, {
      hint: 'Name the file of bakthat: `cairn config import-bakthat FILE`.',
      cause: error,
    });
  }
}

function replacedKeys(current: unknown, edits: readonly ConfigEdit[]): string[] {
  return edits.filter(({ path }) => path.reduce(inner, current) !== undefined).map(({ path }) => dottedKey(path));
}

function inner(value: unknown, key: string | number): unknown {
  return isFields(value) ? value[key] : undefined;
}

function withoutSecrets({ path, value }: ConfigEdit): ConfigEdit {
  if (!isFields(value) || !isFields(value['env'])) return { path, value };
  const env = Object.fromEntries(Object.keys(value['env']).map((name) => [name, '[redacted]']));
  return { path, value: { ...value, env } };
}
