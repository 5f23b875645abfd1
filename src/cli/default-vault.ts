// The vault of a user who has set up nothing: `~/.local/share/cairn/vault`, with a random key in
// `~/.config/cairn/key`. The key is on disk before the vault exists and is never overwritten, because a
// vault whose key is lost is lost.
import { randomBytes } from 'node:crypto';
import { link, open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolders } from '../base/make-folders.ts';
import { generateKey } from '../base/generated-key.ts';
import { CairnError, messageOf, systemCode } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import { type DefaultPlaces, findDefaultPlaces } from './default-places.ts';
import { homeless } from './user-places.ts';

/** Throws `CONFIG_INVALID` where no variable says where the home directory is. */
export function defaultPlaces(env: NodeJS.ProcessEnv): DefaultPlaces {
  return findDefaultPlaces(env) ?? homeless();
}

/** The key of the default vault, or `undefined` where the file does not exist. */
export async function readKeyFile(path: string): Promise<Secret | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw new CairnError('PASSWORD_MISSING', `cannot read the key file ${path}: ${messageOf(error)}`, {
      hint: `Make ${path} readable for this user, or give the password another way (CAIRN_PASSWORD_FILE).`,
      cause: error,
    });
  }
  const text = bytes.toString('utf8').trim();
  if (text === '') {
    throw new CairnError('PASSWORD_MISSING', `the key file ${path} is empty`, {
      hint: `Put the saved key back into ${path}. If no vault uses it, remove the file and a new key is made.`,
    });
  }
  return new Secret(text);
}

/**
 * Returns the key in `path` and makes it first where there is none: a random one, readable by the owner only, on disk when the promise resolves. An existing file is never changed, also when two
 * processes do this at once.
 */
export async function ensureKeyFile(path: string): Promise<{ readonly key: Secret; readonly created: boolean }> {
  const existing = await readKeyFile(path);
  if (existing !== undefined) return { key: existing, created: false };
  await makeFolders(dirname(path), 0o700);
  const text = generateKey();
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await writeSynced(temporary, `${text}\n`);
    // A hard link fails where the name is taken; a rename would replace the key of somebody quicker.
    await link(temporary, path);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    const winner = await readKeyFile(path);
    if (winner === undefined) throw error;
    return { key: winner, created: false };
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(dirname(path));
  return { key: new Secret(text), created: true };
}

async function writeSynced(path: string, text: string): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  await file.writeFile(text);
  await file.sync();
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}
