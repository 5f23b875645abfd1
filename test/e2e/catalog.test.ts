import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorOf, Home } from './cairn-program.ts';

let home: Home;

const catalogOf = ({ path }: Home): string => `${path}/.local/share/cairn/catalog.sqlite`;

beforeEach(async () => {
  home = await Home.make();
  await home.folder('docs');
  await writeFile(home.file('docs', 'a.txt'), 'a');
  expect(await home.run(['backup', home.file('docs'), '--tag', 'nightly'])).toMatchObject({ exit: 0 });
});

afterEach(() => home[Symbol.asyncDispose]());

describe('cairn catalog', () => {
  it('B50: runs SQL without a password, as a table, CSV and JSON', async () => {
    const env = { CAIRN_PASSWORD: 'wrong' };
    const sql = 'select name, files from live_backups where name = ?';
    const query = (...flags: string[]): ReturnType<Home['run']> =>
      home.run(['catalog', 'query', sql, '--param', 'docs', ...flags], { env });
    expect((await query()).stdout).toBe('name  files\ndocs      1\n1 row\n');
    expect((await query('--csv')).stdout).toBe('name,files\r\ndocs,1\r\n');
    expect(JSON.parse((await query('--json')).stdout)).toEqual([{ name: 'docs', files: 1 }]);
  });

  it('says where bad SQL is wrong: 2', async () => {
    const ended = await home.run(['catalog', 'query', 'select nme from backups', '--json']);
    expect(ended.exit).toBe(2);
    expect(errorOf(ended)).toMatchObject({ code: 'QUERY_INVALID', message: expect.stringContaining('column 8') });
  });

  it('stops a query that does not end', async () => {
    const endless = 'with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) from n';
    const ended = await home.run(['catalog', 'query', endless, '--timeout', '1s', '--json']);
    expect([ended.exit, errorOf(ended).code]).toEqual([1, 'QUERY_LIMIT']);
  });

  it('is made again from the vault when it is gone', async () => {
    const query = [
      'catalog',
      'query',
      'select id, name, time, host, bytes, stored_bytes, files from backups',
      '--json',
    ];
    const before = (await home.run(query)).stdout;
    await rm(catalogOf(home));
    expect((await home.run(query)).exit).toBe(1);
    expect((await home.run(['catalog', 'rebuild'])).stdout).toContain('1 backup added');
    expect((await home.run(query)).stdout).toBe(before);
  });

  it('is written by several programs at once', async () => {
    const runs = await Promise.all(
      ['b', 'c', 'd'].map((name) => home.run(['backup', '--stdin', '--name', name], { input: name })),
    );
    expect(runs.map(({ exit }) => exit)).toEqual([0, 0, 0]);
    expect(runs.map(({ stderr }) => stderr)).toEqual(['', '', '']);
    const { stdout } = await home.run(['catalog', 'query', 'select count(*) as n from live_backups', '--json']);
    expect(JSON.parse(stdout)).toEqual([{ n: 4 }]);
  });

  it('moves to another machine as lines', async () => {
    await writeFile(home.file('lines'), (await home.run(['catalog', 'export'])).stdout);
    await using other = await Home.make();
    const imported = await other.run(['catalog', 'import', home.file('lines'), '--json']);
    expect(JSON.parse(imported.stdout)).toMatchObject({ added: 1 });
  });

  it('is left alone with --no-catalog, and lies elsewhere with CAIRN_CATALOG', async () => {
    await rm(catalogOf(home));
    await home.run(['--no-catalog', 'backup', home.file('docs')]);
    expect(existsSync(catalogOf(home))).toBe(false);
    const env = { CAIRN_CATALOG: home.file('elsewhere', 'c.sqlite') };
    await home.run(['backup', home.file('docs')], { env });
    expect((await home.run(['catalog', 'path'], { env })).stdout).toBe(`${env.CAIRN_CATALOG}\n`);
    expect((await readFile(env.CAIRN_CATALOG)).subarray(0, 15).toString()).toBe('SQLite format 3');
    expect(existsSync(catalogOf(home))).toBe(false);
  });

  it('that cannot be written fails no backup', async () => {
    const env = { CAIRN_CATALOG: home.file('docs') };
    const ended = await home.run(['backup', home.file('docs')], { env });
    expect(ended.exit).toBe(0);
    expect(ended.stderr).toContain('not recorded in the catalog');
  });
});

describe('cairn show --versions', () => {
  it('B02: tells how many there are of a name', async () => {
    await home.run(['backup', home.file('docs')]);
    expect((await home.run(['show', 'docs', '--versions'])).stdout).toMatch(
      /^2 versions of docs, the newest [0-9a-f]{8} of /,
    );
    expect((await home.run(['show', 'nothing', '--versions'])).exit).toBe(17);
  });
});
