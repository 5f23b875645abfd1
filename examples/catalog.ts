// Asks SQL about backups. Run with: node examples/catalog.ts
// In your own program the imports are 'cairn-backup'.
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { initVault } from '../src/index.ts';

await using folder = await mkdtempDisposable(join(tmpdir(), 'cairn-example-'));
await using vault = await initVault(join(folder.path, 'vault'), {
  password: 'only for this example',
  // Without it, the catalog of this machine learns of this vault.
  catalog: { file: join(folder.path, 'catalog.sqlite') },
});

for (const text of ['first', 'second']) {
  await vault.backup(Readable.from([Buffer.from(text)]), { name: 'notes.txt', tags: ['example'] });
}

// bakthat's `Backups.select().where(...)` is SQL here: every table is documented in docs/guides/catalog.md.
const rows = await vault.catalog.query<{ readonly name: string; readonly versions: number }>(
  'select name, count(*) as versions from live_backups where form = ? group by name',
  ['snapshot'],
);
for (const { name, versions } of rows) console.log(`${versions} versions of ${name}`);

// What a filter can say needs no SQL.
const [newest] = await vault.catalog.find({
  tags: { all: ['example'] },
  orderBy: 'time',
  descending: true,
  limit: 1,
});
console.log(`the newest has ${newest?.bytes} bytes`);

// Another machine does this to see what we did.
const { unchanged } = await vault.catalog.sync();
console.log(`${unchanged} backups as before`);
