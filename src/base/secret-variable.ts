import { readFileSync } from 'node:fs';
import { CairnError, messageOf } from './errors.ts';

/**
 * The value of an environment variable that holds a secret, or else the text of the file that `NAME_FILE` names, as
 * containers hand secrets over; without the newline at its end. `undefined` where neither says anything. Throws
 * `CONFIG_INVALID` where the file cannot be read or is empty.
 */
export function secretVariable(env: Readonly<Record<string, string | undefined>>, name: string): string | undefined {
  const value = env[name];
  if (value !== undefined && value !== '') return value;
  const file = env[`${name}_FILE`];
  if (file === undefined || file === '') return undefined;
  const text = readText(file, name).replace(/\r?\n$/, '');
  if (text !== '') return text;
  throw new CairnError('CONFIG_INVALID', `the file ${file} (from ${name}_FILE) is empty`);
}

function readText(file: string, name: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CairnError('CONFIG_INVALID', `cannot read ${file} (from ${name}_FILE): ${messageOf(error)}`, {
      hint: `Name a file that this user may read, or set ${name} itself.`,
      cause: error,
    });
  }
}
