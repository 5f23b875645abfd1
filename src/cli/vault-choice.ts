import { readFile } from 'node:fs/promises';
import { CairnError, messageOf } from '../base/errors.ts';
import { defaultPlaces } from './default-vault.ts';

/** Which vault is meant, and who said so. */
export type VaultChoice =
  | { readonly kind: 'chosen'; readonly url: string; readonly by: 'flag' | 'CAIRN_VAULT' | 'RESTIC_REPOSITORY' }
  | { readonly kind: 'default'; readonly url: string; readonly keyFile: string };

/** Flag, then CAIRN_VAULT, then restic's variables, then the default place. */
export async function chooseVault(flag: string | undefined, env: NodeJS.ProcessEnv): Promise<VaultChoice> {
  if (flag !== undefined) return { kind: 'chosen', url: notEmpty(flag, '--vault'), by: 'flag' };
  const own = env['CAIRN_VAULT'];
  if (own !== undefined && own !== '') return { kind: 'chosen', url: own, by: 'CAIRN_VAULT' };
  const restic = env['RESTIC_REPOSITORY'];
  if (restic !== undefined && restic !== '') return { kind: 'chosen', url: restic, by: 'RESTIC_REPOSITORY' };
  const resticFile = env['RESTIC_REPOSITORY_FILE'];
  if (resticFile !== undefined && resticFile !== '') {
    return { kind: 'chosen', url: await readUrlFile(resticFile, 'RESTIC_REPOSITORY_FILE'), by: 'RESTIC_REPOSITORY' };
  }
  const { vault, keyFile } = defaultPlaces(env);
  return { kind: 'default', url: vault, keyFile };
}

function notEmpty(url: string, what: string): string {
  if (url !== '') return url;
  throw new CairnError('USAGE', `${what} is empty`, { hint: 'Give a folder or a URL, such as --vault /mnt/backup.' });
}

/** The address in a file that the environment variable `by` names. Throws `CONFIG_INVALID`, `USAGE`. */
export async function readUrlFile(path: string, by: string): Promise<string> {
  try {
    return notEmpty((await readFile(path, 'utf8')).trim(), `the file ${path} (${by})`);
  } catch (error) {
    if (error instanceof CairnError) throw error;
    throw new CairnError('CONFIG_INVALID', `cannot read ${path} (${by}): ${messageOf(error)}`, {
      hint: 'Name an existing file there, or give --vault.',
      cause: error,
    });
  }
}
