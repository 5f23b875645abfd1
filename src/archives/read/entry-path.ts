// Names of entries in a tar stream are hostile until checked here: an archive may come from anywhere.
import { bytesKey, bytesOf, utf8Lossy } from '../../base/bytes.ts';

const MAX_COMPONENT = 255;

/** Components as Latin-1 text; none for the folder itself (`./`). */
export type EntryPath =
  | { readonly kind: 'path'; readonly parts: readonly string[] }
  | { readonly kind: 'hostile'; readonly why: string };

/** Where an entry belongs below the target, or why it must not be there. */
export function entryPath(name: Uint8Array): EntryPath {
  const text = bytesKey(name);
  if (text === '') return hostile('it has no name');
  if (text.startsWith('/')) return hostile('its name is absolute');
  if (text.includes('\0')) return hostile('its name holds a zero byte');
  const parts = text.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) return hostile('its name leads out of the folder (`..`)');
  if (parts.some((part) => part.length > MAX_COMPONENT))
    return hostile('its name is longer than any file system takes');
  return { kind: 'path', parts };
}

function hostile(why: string): EntryPath {
  return { kind: 'hostile', why };
}

/** The path for people. */
export function shownEntry(parts: readonly string[]): string {
  return `/${parts.map((part) => utf8Lossy(bytesOf(part))).join('/')}`;
}
