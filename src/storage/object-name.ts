import { CairnError } from '../base/errors.ts';
import type { StaleUploadOptions } from './storage.ts';

// One rule for the names of all drivers, so that a storage can be copied to any other.

/** Longest component: 255 bytes is what file systems allow, less what a temporary name adds. */
const LONGEST_COMPONENT = 240;
const LONGEST_NAME = 1024;
// Printable ASCII without the backslash, which is a separator on Windows.
const ALLOWED = /^[\x20-\x5b\x5d-\x7e]+$/;
// restic's local driver writes to `<id>-tmp-<random number>` in the destination folder; so do we.
const TEMPORARY = /-tmp-[0-9]{1,10}$/;

/** Whether this is the name of an unfinished write (ours or restic's), which is no object. */
export function isTemporaryName(name: string): boolean {
  return TEMPORARY.test(name);
}

/** The object that an unfinished write was to become. */
export function nameOfTemporary(name: string): string {
  return name.replace(TEMPORARY, '');
}

/** Whether an unfinished write of this object is one that was asked for. */
export function countsAsStale(
  name: string,
  { folders = [''], objects = [], isOurs = () => true }: Pick<StaleUploadOptions, 'folders' | 'objects' | 'isOurs'>,
): boolean {
  return objects.includes(name) || (folders.some((folder) => name.startsWith(folder)) && isOurs(name));
}

/** The folder that an object is in, as a prefix: empty, or with `/` at its end. */
export function folderOf(name: string): string {
  return name.slice(0, name.lastIndexOf('/') + 1);
}

/** Whether `name` may name an object. */
export function isObjectName(name: string): boolean {
  if (name.length > LONGEST_NAME || !ALLOWED.test(name) || isTemporaryName(name)) return false;
  return name.split('/').every(isComponent);
}

/** Throws `OBJECT_NAME_INVALID` unless `name` may name an object. */
export function checkObjectName(name: string): void {
  if (!isObjectName(name)) throw invalid('object name', name);
}

/** Throws `OBJECT_NAME_INVALID` unless `prefix` is empty or a folder ending in `/`. */
export function checkPrefix(prefix: string): void {
  if (prefix === '') return;
  if (!prefix.endsWith('/') || !isFolderName(prefix.slice(0, -1))) throw invalid('prefix', prefix);
}

function isFolderName(name: string): boolean {
  return name.length <= LONGEST_NAME && ALLOWED.test(name) && name.split('/').every(isComponent);
}

function isComponent(component: string): boolean {
  return component !== '' && component !== '.' && component !== '..' && component.length <= LONGEST_COMPONENT;
}

function invalid(what: string, text: string): CairnError {
  return new CairnError('OBJECT_NAME_INVALID', `not a valid ${what}: ${JSON.stringify(text.slice(0, 100))}`, {
    hint: 'Names are relative, printable ASCII, with / between components and no "." or ".." among them.',
  });
}
