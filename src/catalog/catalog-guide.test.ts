// docs/guides/catalog.md is part of the contract: its queries run, and it names every column there is.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backupOf, CatalogFolder, putBackups, VAULT } from '../../test/support/catalog-fixture.ts';
import { QueryProcess } from './query/query-process.ts';

const guide = readFileSync(new URL('../../docs/guides/catalog.md', import.meta.url), 'utf8');
const queries = [...guide.matchAll(/```sql\n([\s\S]*?)```/g)].map(([, sql = '']) => sql.trim());

let folder: CatalogFolder;
let asked: QueryProcess;

beforeAll(() => {
  folder = new CatalogFolder();
  using catalog = folder.open();
  putBackups(catalog, [backupOf('1'), backupOf('2', { bytes: null }), backupOf('gone')], 's');
  catalog.transaction((changes) => {
    changes.putRun({
      session: 's',
      vault: VAULT,
      action: 'backup',
      host: 'web',
      pid: 1,
      startedAt: new Date('2026-11-19T12:00:00Z'),
      endedAt: new Date('2026-11-19T12:00:02.500Z'),
      status: 'ok',
      errorCode: null,
      counts: { storedBytes: 400 },
    });
    changes.markDeleted('snapshot', 'gone', { vault: VAULT, at: changes.now(), session: 's' });
  });
  asked = new QueryProcess(folder.file);
});

afterAll(async () => {
  await asked[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

/** The first cells of the tables below each heading: the names of its columns. */
function documentedColumns(): Record<string, string[]> {
  const sections = guide.split('\n### ').slice(1);
  return Object.fromEntries(
    sections.map((section) => {
      const cells = section.split('\n').filter((line) => line.startsWith('| `'));
      const names = cells.flatMap((line) =>
        [...(line.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
      );
      return [section.slice(0, section.indexOf('\n')), names];
    }),
  );
}

function find(word: string): string {
  return queries.find((sql) => sql.includes(word)) ?? '';
}

describe('the guide to the catalog', () => {
  it('has examples', () => {
    expect(queries.length).toBeGreaterThan(8);
  });

  it.each(queries)('%s runs', async (sql) => {
    const { columns } = await asked.run(sql, []);
    expect(columns.length).toBeGreaterThan(1);
  });

  it('shows how long runs take, and what they stored', async () => {
    expect((await asked.run(find('as seconds'), [])).rows).toEqual([['backup', 1, 2.5]]);
    expect((await asked.run(find('as stored'), [])).rows).toEqual([['2026-11-19', 400]]);
    expect((await asked.run(find("'deleted'"), [])).rows).toMatchObject([
      [expect.any(String), 'gone', 'documents', 'backup', 'web'],
    ]);
  });

  it('names every table and column', async () => {
    const documented = documentedColumns();
    const { rows } = await asked.run(
      "select m.name, c.name from sqlite_schema m join pragma_table_info(m.name) c where m.type = 'table' and m.name not like 'sqlite%'",
      [],
    );
    const tables = Object.groupBy(rows, ([table]) => String(table));
    for (const [table, columns = []] of Object.entries(tables)) {
      const [, names = []] = Object.entries(documented).find(([heading]) => heading.includes(`\`${table}\``)) ?? [];
      expect({ table, names }).toEqual({ table, names: expect.arrayContaining(columns.map(([, column]) => column)) });
    }
    expect(Object.keys(tables)).toHaveLength(9);
  });
});
