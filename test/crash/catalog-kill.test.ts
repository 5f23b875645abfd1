// kill -9 of a process that writes the catalog, at any instant: the file opens, is whole, and has whole rows only.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { CatalogFolder } from '../support/catalog-fixture.ts';

const writer = fileURLToPath(new URL('../support/catalog-writer.ts', import.meta.url));
const KILLS = 8;

it('a catalog stays whole however often its writer is killed', async () => {
  using folder = new CatalogFolder();
  let seen = 0;
  for (let round = 0; round < KILLS; round++) {
    const child = spawn(process.execPath, [writer, folder.file, String(round)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let confirmed = '';
    child.stdout.on('data', (text: Buffer) => (confirmed += text.toString()));
    while (!confirmed.includes('\n')) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 3 + 7 * round));
    child.kill('SIGKILL');
    await once(child, 'exit');
    using catalog = folder.open();
    catalog.verify();
    const rows = catalog.find({ includeDeleted: true });
    const names = new Set(rows.map(({ id }) => id));
    // What the writer was told is done is there, also after its death.
    for (const id of confirmed.trim().split('\n')) expect(names).toContain(id);
    // A row comes with its tags or not at all.
    expect(rows.filter(({ tags }) => tags.length !== 3)).toEqual([]);
    expect(rows.length).toBeGreaterThan(seen);
    seen = rows.length;
  }
});
