import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backupOf, CatalogFolder, putBackups, VAULT } from '../../test/support/catalog-fixture.ts';
import type { Catalog } from './catalog.ts';
import { exportLines, importLines } from './catalog-lines.ts';

let folder: CatalogFolder;
let catalog: Catalog;
let other: CatalogFolder;

beforeEach(() => {
  folder = new CatalogFolder();
  catalog = folder.open();
  other = new CatalogFolder();
});

afterEach(() => {
  catalog[Symbol.dispose]();
  folder[Symbol.dispose]();
  other[Symbol.dispose]();
});

describe('an exported catalog', () => {
  it('is the same after it was imported, whatever is in a name, read by any reader of lines', async () => {
    const paths = ['/a\u2028b', '/a\u2029b', '/a\nb', '/a\u0085b', '/a"b'];
    putBackups(catalog, [backupOf('1', { paths, name: 'x\u2028y' }), backupOf('2', { tags: ['ü'] })]);
    const text = [...exportLines(catalog)].join('\n');
    const lines = await Array.fromAsync(createInterface({ input: Readable.from([text]), crlfDelay: Infinity }));
    using copy = other.open();
    expect(importLines(copy, lines)).toMatchObject({ added: 2 });
    expect(copy.find()).toEqual(catalog.find());
  });

  it('whose line of a vault is missing is refused for that, and nothing of it is taken over', () => {
    putBackups(catalog, [backupOf('1')]);
    const lines = [...exportLines(catalog)].filter((line) => !line.includes('"type":"vault"'));
    using copy = other.open();
    expect(() => importLines(copy, lines)).toThrow(
      expect.objectContaining({ code: 'ARGUMENT_INVALID', message: expect.stringContaining(VAULT) }),
    );
    expect(copy.find()).toEqual([]);
  });
});
