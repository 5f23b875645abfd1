import { bytesKey, bytesOf } from '../../base/bytes.ts';
import fs from 'node:fs';
import path from 'node:path';
import { globSource, isGlob } from './glob.ts';
import { textOf } from './name-text.ts';

/**
 * Absolute paths that exist and match a pattern (Latin-1 held), ascending; the rules are those of `globSource`.
 * A relative one is matched below `cwd`, whose own characters mean nothing. Directories that cannot be read match
 * nothing.
 */
export function expandGlob(pattern: string, cwd: string): string[] {
  // Normalised first, so that `a/../*` needs no `a`.
  const components = path.posix
    .normalize(pattern)
    .split('/')
    .filter((component) => component !== '');
  let found: string[] = [pattern.startsWith('/') ? '/' : cwd];
  for (const component of components) {
    found = found.flatMap((directory) => expandComponent(directory, component, pattern));
  }
  return found;
}

function expandComponent(directory: string, component: string, pattern: string): string[] {
  const join = (name: string): string => (directory === '/' ? directory + name : `${directory}/${name}`);
  if (!isGlob(component)) return mayExist(join(component)) ? [join(component)] : [];
  const expression = new RegExp(`^${globSource(textOf(component), textOf(pattern))}$`, 'us');
  return namesIn(directory)
    .filter((name) => expression.test(textOf(name)))
    .sort()
    .map(join);
}

/** Also of what cannot be looked at: whoever opens it tells why, and an entry is not lost without a word. */
function mayExist(target: string): boolean {
  try {
    return fs.lstatSync(bytesOf(target), { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}

function namesIn(directory: string): string[] {
  try {
    return fs.readdirSync(bytesOf(directory), { encoding: 'buffer' }).map(bytesKey);
  } catch {
    return [];
  }
}
