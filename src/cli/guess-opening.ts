import { readFileSync } from 'node:fs';
import { Secret } from '../base/secret.ts';
import { secretOfFile } from '../base/secret-of-file.ts';
import type { GuessedPlace, OpeningGuess } from '../vault/begin-opening.ts';
import { defaultCacheFolder } from '../vault/cache-folder.ts';
import { recallOpening } from '../vault/opening-memory.ts';
import { type DefaultPlaces, findDefaultPlaces } from './default-places.ts';

/**
 * Which vault a command line means, and its password, where both can be told without the configuration, a program or a
 * question. Only a guess: vault-choice.ts and password.ts decide, and say what is wrong.
 */
export function guessOpening(argv: readonly string[], env: NodeJS.ProcessEnv): OpeningGuess | undefined {
  try {
    const named = valueOf(argv, '--vault') ?? filled(env['CAIRN_VAULT']) ?? filled(env['RESTIC_REPOSITORY']);
    if (named === undefined && filled(env['RESTIC_REPOSITORY_FILE']) !== undefined) return undefined;
    const places = named === undefined ? findDefaultPlaces(env) : undefined;
    const place = named === undefined ? folderOf(places?.vault) : guessPlace(named, argv, env);
    const password = place === undefined ? undefined : guessPassword(argv, env, places);
    return password === undefined || place === undefined ? undefined : { place, password };
  } catch {
    return undefined;
  }
}

function guessPlace(named: string, argv: readonly string[], env: NodeJS.ProcessEnv): GuessedPlace | undefined {
  // A word without a slash may be a name of the configuration, and what has a colon is another storage.
  if (!named.includes(':')) return named.includes('/') ? folderOf(named) : undefined;
  const cache = argv.includes('--no-cache') ? undefined : (valueOf(argv, '--cache-dir') ?? defaultCacheFolder(env));
  const derivation = cache === undefined ? undefined : recallOpening(cache, named);
  return derivation === undefined ? undefined : { kind: 'remote', derivation };
}

function folderOf(folder: string | undefined): GuessedPlace | undefined {
  return folder === undefined ? undefined : { kind: 'folder', folder };
}

function guessPassword(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  places: DefaultPlaces | undefined,
): Secret | undefined {
  if (argv.some((word) => /^--(password-command|insecure-no-password)/.test(word))) return undefined;
  const file = valueOf(argv, '--password-file');
  if (file !== undefined) return secretOfFile(readFileSync(file));
  if (isSet(env, 'CAIRN_PASSWORD')) return variablePassword(env, 'CAIRN_PASSWORD');
  // restic's password is for the repository that restic is told about.
  if (places !== undefined) return new Secret(readFileSync(places.keyFile, 'utf8').trim());
  return variablePassword(env, 'RESTIC_PASSWORD');
}

function variablePassword(env: NodeJS.ProcessEnv, name: string): Secret | undefined {
  const text = filled(env[name]);
  if (text !== undefined) return new Secret(text);
  const file = filled(env[`${name}_FILE`]);
  return file === undefined ? undefined : secretOfFile(readFileSync(file));
}

function isSet(env: NodeJS.ProcessEnv, name: string): boolean {
  return ['', '_FILE', '_COMMAND'].some((suffix) => filled(env[name + suffix]) !== undefined);
}

/** The value of an option that is given once. */
function valueOf(argv: readonly string[], option: string): string | undefined {
  const at = argv.findIndex((word) => word === option || word.startsWith(`${option}=`));
  if (at < 0) return undefined;
  const word = argv[at] ?? '';
  return word === option ? argv[at + 1] : word.slice(option.length + 1);
}

function filled(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
