import { readFileSync } from 'node:fs';

/** Looks up a name outside the local files (LDAP and other name services). */
export type AccountLookup = (id: number) => string | undefined;

/**
 * Id → name, from a file in the format of passwd(5) or group(5) that is read once, then from `lookup`.
 * Both answers, also "unknown", are remembered: a name service may take milliseconds per question.
 */
export function createAccountNames(file: string, lookup: AccountLookup): AccountLookup {
  let names: Map<number, string | undefined> | undefined;
  return (id) => {
    names ??= readAccountFile(file);
    if (names.has(id)) return names.get(id);
    const name = lookup(id);
    names.set(id, name);
    return name;
  };
}

function readAccountFile(file: string): Map<number, string | undefined> {
  try {
    return parseAccounts(readFileSync(file, 'utf8'));
  } catch {
    return new Map();
  }
}

/** Lines `name:password:id:…`. The first line of an id wins, as it does for getpwuid(3). */
export function parseAccounts(text: string): Map<number, string | undefined> {
  const names = new Map<number, string | undefined>();
  for (const line of text.split('\n')) {
    const [name, , idText] = line.split(':');
    if (!name || name.startsWith('#') || idText === undefined || !/^\d+$/.test(idText)) continue;
    const id = Number(idText);
    if (!names.has(id)) names.set(id, name);
  }
  return names;
}
