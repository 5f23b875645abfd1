import type { PackId } from '../../base/ids.ts';
import { objectName } from '../../repository/layout.ts';
import type { VaultNotice } from '../vault-options.ts';

/** More names help nobody: `check` has all of them. */
const NAMED = 5;

/** What a backup says of packs that the index lists and that are gone. */
export function lostPacksNotice(packs: readonly PackId[]): VaultNotice {
  const names = packs.slice(0, NAMED).map((id) => objectName('pack', id));
  const more = packs.length > NAMED ? ` and ${packs.length - NAMED} more` : '';
  const what = packs.length === 1 ? 'a pack of the vault is' : `${packs.length} packs of the vault are`;
  return {
    level: 'warning',
    code: 'BLOB_MISSING',
    message:
      `${what} gone or cut short: ${names.join(', ')}${more}. This backup saves again what it needs of that; older ones may lack data. ` +
      'Copy it back from a copy of the vault, or run `cairn repair index`, and `cairn repair packs` with those that were cut short (BLOB_MISSING in docs/errors.md)',
  };
}
