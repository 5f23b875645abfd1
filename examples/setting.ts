// What a script is told from outside: a variable, or the file that `NAME_FILE` names, as containers hand secrets in.
import { readFileSync } from 'node:fs';

export function setting(name: string, otherwise?: string): string {
  const file = process.env[`${name}_FILE`];
  const value = file === undefined ? process.env[name] : readFileSync(file, 'utf8').trimEnd();
  if (value !== undefined && value !== '') return value;
  if (otherwise !== undefined) return otherwise;
  throw new Error(`set ${name} or ${name}_FILE`);
}
