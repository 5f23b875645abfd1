// A process that adds rows to a catalog until it is killed: node catalog-writer.ts FILE PREFIX. It names each on stdout
// once it is stored.
import { writeSync } from 'node:fs';
import { Catalog } from '../../src/catalog/catalog.ts';
import { backupOf, putBackups } from './catalog-fixture.ts';

const [, , file = '', prefix = ''] = process.argv;
using catalog = Catalog.open(file);
for (let at = 0; ; at++) {
  const id = `${prefix}-${at}`;
  putBackups(catalog, [backupOf(id, { tags: ['a', 'b', 'c'] })]);
  writeSync(1, `${id}\n`);
}
