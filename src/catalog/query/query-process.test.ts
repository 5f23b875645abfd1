import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backupOf, CatalogFolder, putBackups } from '../../../test/support/catalog-fixture.ts';
import { QueryProcess } from './query-process.ts';

let folder: CatalogFolder;
let queries: QueryProcess;

beforeAll(() => {
  folder = new CatalogFolder();
  using catalog = folder.open();
  putBackups(catalog, [backupOf('1'), backupOf('2', { host: 'db', storedBytes: 5 })]);
  queries = new QueryProcess(folder.file);
});

afterAll(async () => {
  await queries[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const run = (sql: string, ...parameters: (string | number)[]): ReturnType<QueryProcess['run']> =>
  queries.run(sql, parameters);

describe('a query', () => {
  it('B50: gives columns and rows, with bound parameters', async () => {
    expect(await run('select id, stored_bytes from backups where host = ?', 'db')).toEqual({
      columns: ['id', 'stored_bytes'],
      rows: [['2', 5]],
    });
  });

  it('keeps columns of the same name apart, and numbers exact', async () => {
    const { columns, rows } = await run('select 1 as n, 9007199254740993 as n');
    expect([columns, rows]).toEqual([['n', 'n'], [[1, 9007199254740993n]]]);
  });

  it('may end in a semicolon and a comment, and describe the tables', async () => {
    expect((await run("select ';' as x; -- done\n")).rows).toEqual([[';']]);
    expect((await run('pragma table_info(backups)')).rows.length).toBeGreaterThan(10);
  });

  it.each([
    ['select id frm backups b', 1, 15],
    ['select id\nfrom backups\nwhere nme = 1', 3, 7],
    ['select * from nothing', 1, 15],
    ["select 'abc", 1, 8],
    ['select (', 1, 9],
    ['select 1; select 2', 1, 10],
    ['select a, a from (select 1 a) select', 1, 31],
  ])('%j is refused with its place', async (sql, line, column) => {
    await expect(run(sql)).rejects.toMatchObject({ code: 'QUERY_INVALID', facts: { line, column } });
  });

  it.each([
    "insert into settings values ('a', '1', '')",
    'delete from backups',
    'update backups set name = 1',
    'create table x (y)',
    'drop table backups',
    "attach 'other.db' as other",
    'pragma query_only = off',
    'pragma journal_mode = delete',
    'vacuum',
    "vacuum into '/tmp/copy.db'",
    'begin',
    "select load_extension('x')",
    'with x as (select 1) delete from backups',
  ])('%j is refused', async (sql) => {
    await expect(run(sql)).rejects.toMatchObject({ code: 'QUERY_INVALID' });
  });

  it('without a statement, or with too few parameters, is refused', async () => {
    await expect(run(' -- nothing\n')).rejects.toMatchObject({ code: 'QUERY_INVALID' });
    await expect(run('select 1', 1)).rejects.toMatchObject({ code: 'QUERY_INVALID' });
  });

  const ENDLESS = 'with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) from n';

  it('that takes too long is stopped, and the next one runs', async () => {
    await expect(queries.run(ENDLESS, [], { timeoutMs: 200 })).rejects.toMatchObject({ code: 'QUERY_LIMIT' });
    expect((await run('select 1')).rows).toEqual([[1]]);
  });

  it('that is not wanted any more is stopped', async () => {
    const stop = new AbortController();
    const running = queries.run(ENDLESS, [], { signal: stop.signal });
    setTimeout(() => stop.abort(new Error('enough')), 100);
    await expect(running).rejects.toThrow('enough');
  });

  it('that gives too many rows is stopped', async () => {
    await expect(queries.run('select * from backups', [], { maxRows: 1 })).rejects.toMatchObject({
      code: 'QUERY_LIMIT',
    });
  });
});
