// The catalog as text, to be moved or merged: a JSON document on each line, the first of which says what it is. The
// history is not in it: it tells of one catalog only.
import type { Catalog, CatalogChanges } from './catalog.ts';
import { type CatalogDocument, headerLine, parseCatalogLines } from './catalog-document.ts';
import { importRow } from './import-row.ts';
import type { CatalogSyncResult } from './merge-vault.ts';

/** Every line without its end. */
export function* exportLines(catalog: Catalog): Generator<string, void, undefined> {
  yield headerLine();
  for (const document of documentsOf(catalog)) yield JSON.stringify(document);
}

function* documentsOf(catalog: Catalog): Generator<CatalogDocument, void, undefined> {
  for (const { id, url, kind } of catalog.vaults()) yield { type: 'vault', vault: { id, url, kind } };
  for (const backup of catalog.find({ includeDeleted: true })) yield { type: 'backup', backup };
  for (const run of catalog.runs()) yield { type: 'run', run };
  for (const proof of catalog.proofs()) yield { type: 'proof', proof };
  for (const setting of catalog.settings()) yield { type: 'setting', setting };
}

/** Takes over all lines or none; of two versions of a row the newer one stays. Throws `ARGUMENT_INVALID`, naming the line. */
export function importLines(catalog: Catalog, lines: readonly string[]): CatalogSyncResult {
  const documents = parseCatalogLines(lines);
  const counts = { added: 0, updated: 0, deleted: 0, unchanged: 0 };
  catalog.transaction((changes) => {
    for (const document of documents) {
      if (document.type === 'backup') counts[importRow(changes, document.backup)]++;
      else importOther(changes, document);
    }
  });
  return counts;
}

function importOther(changes: CatalogChanges, document: Exclude<CatalogDocument, { readonly type: 'backup' }>): void {
  switch (document.type) {
    case 'vault':
      return changes.addVault(document.vault);
    case 'run':
      return changes.putRun(document.run);
    case 'proof':
      return changes.putProof(document.proof);
    case 'setting':
      return changes.putSetting(document.setting);
    default:
      return document satisfies never;
  }
}
