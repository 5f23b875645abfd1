// Rotation, intervals, holds and overdue backups, as their users run them.
import { rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Ended, errorOf, Home } from './cairn-program.ts';

let home: Home;

beforeEach(async () => {
  home = await Home.make();
  await home.folder('docs');
  await writeFile(home.file('docs', 'a.txt'), 'text');
  for (const day of [1, 2, 3]) await backUp(day);
});
afterEach(() => home[Symbol.asyncDispose]());

async function backUp(day: number, ...more: string[]): Promise<void> {
  const time = `2024-03-0${day}T10:00:00Z`;
  expect(await home.run(['backup', 'docs', '--time', time, ...more])).toMatchObject({ exit: 0 });
}

const json = <T>({ stdout }: Ended): T => JSON.parse(stdout) as T;
const days = async (): Promise<string[]> =>
  json<{ time: string }[]>(await home.run(['list', '--json'])).map(({ time }) => time.slice(8, 10));

const now = ['--now', '2024-03-03T12:00:00Z'];

describe('rotate', () => {
  it('shows with --dry-run which rule keeps each backup, and changes nothing', async () => {
    const { exit, stdout } = await home.run(['rotate', '--days', '2', '-n', ...now]);
    expect([exit, await days()]).toEqual([0, ['01', '02', '03']]);
    expect(stdout).toMatch(/^docs, host /u);
    expect(stdout).toContain('first of day 2024-03-02');
    expect(stdout).toContain('newest, first of day 2024-03-03');
    expect(stdout).toContain('would remove 1 backup; nothing was changed');
  });

  it('asks first: off a terminal it needs --yes', async () => {
    expect(errorOf(await home.run(['rotate', '--days', '1', ...now, '--json'])).code).toBe('CONFIRMATION_NEEDED');
    const run = await home.run(['rotate', '--name', 'docs', '--days', '1', ...now, '--json', '--yes']);
    expect(json<object>(run)).toMatchObject({ rules: { days: 1 }, zone: 'UTC', removed: { length: 2 }, failed: [] });
    expect(await days()).toEqual(['03']);
  });

  it.each([
    [[], 'RETENTION_EMPTY', 2],
    [['--days', '1', '--name', 'doc'], 'REF_UNKNOWN', 17],
    [['--days', '1', '--first-weekday', 'someday'], 'ARGUMENT_INVALID', 2],
  ])('%j is refused with %s', async (args, code, exit) => {
    const run = await home.run(['rotate', ...args, '--json', '--yes']);
    expect([errorOf(run).code, run.exit, await days()]).toEqual([code, exit, ['01', '02', '03']]);
  });
});

describe('delete-older-than', () => {
  it('removes what is older, but for the newest and what is held', async () => {
    await backUp(4, '--name', 'other', '--hold', 'before 2.0');
    expect(await home.run(['delete-older-than', '1W', '--yes'])).toMatchObject({ exit: 0 });
    expect(await days()).toEqual(['03', '04']);
    expect((await home.run(['delete', 'other', '--yes'])).exit).toBe(35);
    expect((await home.run(['tag', 'other', '--release-hold', 'before 2.0'])).exit).toBe(0);
    expect((await home.run(['delete', 'other', '--yes'])).exit).toBe(0);
  });

  it('takes no empty interval for everything', async () => {
    const run = await home.run(['delete-older-than', '', '--yes', '--json']);
    expect([errorOf(run).code, await days()]).toEqual(['ARGUMENT_INVALID', ['01', '02', '03']]);
  });
});

describe('delete', () => {
  it('says of snapshots only that their data is still there', async () => {
    expect((await home.run(['archive', 'docs', '--name', 'shelf'])).exit).toBe(0);
    expect((await home.run(['delete', 'shelf', '--yes'])).stderr).not.toContain('cairn prune');
    expect((await home.run(['delete', 'docs', '--yes'])).stderr).toContain('until `cairn prune`');
  });
});

describe('list --expect', () => {
  it('B68: ends with its own exit code where a backup is overdue or missing', async () => {
    const late = await home.run(['list', '--expect', 'docs=1D', '--expect', 'none=1D', '--json']);
    expect(late.exit).toBe(36);
    expect(json<object>(late)).toMatchObject({
      expected: [{ status: 'overdue' }, { status: 'missing', latest: null }],
    });
    expect((await home.run(['list', '--expect', 'docs=100Y'])).exit).toBe(0);
  });

  it('tells backups of which none is whole from none at all', async () => {
    const all = json<{ id: string }[]>(await home.run(['list', '--json'])).map(({ id }) => id);
    expect((await home.run(['tag', ...all, '--add', 'partial'])).exit).toBe(0);
    const { stdout } = await home.run(['list', '--expect', 'docs=100Y', '--expect', 'none=1D']);
    expect(stdout).toMatch(/docs +100Y +none whole by now +3 /);
    expect(stdout).toMatch(/none +1D +missing +0 /);
  });
});

describe('backup', () => {
  it('refuses a folder that is empty and was not: 23, unless --allow-empty', async () => {
    await rm(home.file('docs', 'a.txt'));
    const run = await home.run(['backup', 'docs', '--json']);
    expect([errorOf(run).code, run.exit]).toEqual(['SOURCE_EMPTY', 23]);
    expect((await home.run(['backup', 'docs', '--allow-empty'])).exit).toBe(0);
  });
});
