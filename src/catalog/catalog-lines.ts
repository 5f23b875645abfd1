// The catalog as text, to be moved or merged: a JSON document on each line, the first of which says what it is. The
// history is not in it: it tells of one catalog only.
import { CairnArgumentError } from '../base/errors.ts';
import type { Catalog, CatalogChanges } from './catalog.ts';
import { type CatalogDocument, headerLine, parseCatalogLines } from './catalog-document.ts';
import { importRow } from './import-row.ts';
import type { CatalogSyncResult } from './merge-vault.ts';

/** Every line without its end. */
export function* exportLines(catalog: Catalog): Generator<string, void, undefined> {
  yield headerLine();
  for (const document of documentsOf(catalog)) yield lineOf(document);
}

/** JSON may hold the line ends of Unicode as they are, and some readers of lines, Node's too, end a line there. */
function lineOf(document: CatalogDocument): string {
  return JSON.stringify(document)
    .replaceAll('\u2028', String.raw`\u2028`)
    .replaceAll('\u2029', String.raw`\u2029`);
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
  refuseUnknownVaults(catalog, documents);
  const counts = { added: 0, updated: 0, deleted: 0, unchanged: 0 };
  catalog.transaction((changes) => {
    for (const document of documents) {
      if (document.type === 'backup') counts[importRow(changes, document.backup)]++;
      else importOther(changes, document);
    }
  });
  return counts;
}

/** A row's vault has to be on a line before it, or in the catalog already. */
function refuseUnknownVaults(catalog: Catalog, documents: readonly CatalogDocument[]): void {
  const known = new Set(catalog.vaults().map(({ id }) => id));
  for (const document of documents) {
    const vault = vaultOf(document);
    if (document.type === 'vault') known.add(document.vault.id);
    else if (vault !== undefined && !known.has(vault)) {
      throw new CairnArgumentError(`the exported catalog has rows of the vault ${vault}, and no line about it`, {
        hint: 'Nothing was taken over. Export it again with `cairn catalog export`.',
        facts: { vault },
      });
    }
  }
}

function vaultOf(document: CatalogDocument): string | undefined {
  switch (document.type) {
    case 'backup':
      return document.backup.vault;
    case 'run':
      return document.run.vault;
    case 'proof':
      return document.proof.vault;
    case 'vault':
    case 'setting':
      return undefined;
    default:
      return document satisfies never;
  }
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
