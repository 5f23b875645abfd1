import { bytesKey, bytesOf } from '../../base/bytes.ts';
import fs from 'node:fs';
import { globSource, isGlob } from './glob.ts';
import { textOf } from './name-text.ts';

/**
 * Paths that exist and match a pattern (Latin-1 held), ascending; the rules are those of `globSource`.
 * Directories that cannot be read match nothing.
 */
export function expandGlob(pattern: string): string[] {
  const absolute = pattern.startsWith('/');
  const components = pattern.split('/').filter((component) => component !== '');
  let found: string[] = [absolute ? '/' : ''];
  for (const component of components) {
    found = found.flatMap((directory) => expandComponent(directory, component, pattern));
  }
  return found.filter((path) => path !== '');
}

function expandComponent(directory: string, component: string, pattern: string): string[] {
  const join = (name: string): string =>
    directory === '' || directory === '/' ? directory + name : `${directory}/${name}`;
  if (!isGlob(component))
    return fs.lstatSync(bytesOf(join(component)), { throwIfNoEntry: false }) ? [join(component)] : [];
  const expression = new RegExp(`^${globSource(textOf(component), textOf(pattern))}$`, 'us');
  return namesIn(directory)
    .filter((name) => expression.test(textOf(name)))
    .sort()
    .map(join);
}

function namesIn(directory: string): string[] {
  try {
    return fs.readdirSync(bytesOf(directory === '' ? '.' : directory), { encoding: 'buffer' }).map(bytesKey);
  } catch {
    return [];
  }
}
