// The commands that take care of a vault, as their users run them.
import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Ended, errorOf, Home } from './cairn-program.ts';

let home: Home;

beforeEach(async () => {
  home = await Home.make();
  await home.folder('docs');
});
afterEach(() => home[Symbol.asyncDispose]());

async function backUp(day: number, ...more: string[]): Promise<void> {
  await writeFile(home.file('docs', 'a.txt'), `day ${day}`);
  const time = `2024-01-0${day}T10:00:00Z`;
  expect(await home.run(['backup', 'docs', '--time', time, ...more])).toMatchObject({ exit: 0 });
}

interface Listed {
  readonly id: string;
  readonly time: string;
  readonly name: string;
  readonly tags: readonly string[];
}

const list = async (): Promise<Listed[]> => JSON.parse((await home.run(['list', '--json'])).stdout) as Listed[];
const days = async (): Promise<string[]> => (await list()).map(({ time }) => time.slice(8, 10));
const json = <T>({ stdout }: Ended): T => JSON.parse(stdout) as T;

describe('forget', () => {
  beforeEach(async () => {
    for (const day of [1, 2, 3, 4]) await backUp(day);
  });

  it('shows with --dry-run what would go and why the rest stays, and changes nothing', async () => {
    const { exit, stdout } = await home.run(['forget', '--keep-daily', '2', '--dry-run']);
    expect(exit).toBe(0);
    expect(stdout).toContain('daily snapshot');
    expect(stdout).toContain('would remove 2 backups; nothing was changed');
    expect(await days()).toEqual(['01', '02', '03', '04']);
  });

  it('needs a yes off a terminal: 19, and nothing is removed', async () => {
    const run = await home.run(['forget', '--keep-last', '1', '--json']);
    expect(run.exit).toBe(19);
    expect(errorOf(run).code).toBe('CONFIRMATION_NEEDED');
    expect(await days()).toHaveLength(4);
  });

  it('removes with --yes what no rule keeps', async () => {
    const run = await home.run(['forget', '--keep-last', '1', '--keep-within', '24h', '--yes', '--json']);
    expect(run.exit).toBe(0);
    expect(json<{ removed: string[]; failed: string[] }>(run)).toMatchObject({ removed: { length: 3 }, failed: [] });
    expect(await days()).toEqual(['04']);
  });

  it.each([
    [[], 'ARGUMENT_INVALID', 2],
    [['--keep-last', 'few'], 'USAGE', 2],
    [['--keep-within', '3w'], 'ARGUMENT_INVALID', 2],
    [['--group-by', 'size', '--keep-last', '1'], 'ARGUMENT_INVALID', 2],
    [['latest', '--keep-last', '1'], 'USAGE', 2],
    [['--keep-tag', 'nothing'], 'FORGET_REFUSED', 2],
    [['nothing'], 'REF_UNKNOWN', 17],
  ])('%j is refused', async (args, code, exit) => {
    const run = await home.run(['forget', ...args, '--yes', '--json']);
    expect(errorOf(run)).toMatchObject({ code, exit });
    expect(run.exit).toBe(exit);
    expect(await days()).toHaveLength(4);
  });

  it('of backups by name removes these', async () => {
    expect(await home.run(['forget', 'docs@2024-01-02', 'latest', '-y'])).toMatchObject({ exit: 0 });
    expect(await days()).toEqual(['01', '03']);
  });
});

describe('delete', () => {
  it('removes one backup after a yes, and only that', async () => {
    await backUp(1);
    await backUp(2);
    const [first] = await list();
    expect(await home.run(['delete', first!.id.slice(0, 8)])).toMatchObject({ exit: 19 });
    expect(await home.run(['delete', first!.id.slice(0, 8), '--yes'])).toMatchObject({ exit: 0 });
    expect(await days()).toEqual(['02']);
  });

  it('of something that is not there removes nothing: 17', async () => {
    await backUp(1);
    expect(await home.run(['delete', 'latest', 'nothing', '--yes'])).toMatchObject({ exit: 17 });
    expect(await days()).toEqual(['01']);
  });
});

describe('tag', () => {
  it('adds, removes and sets, and keeps the name of a backup', async () => {
    await backUp(1, '--name', 'papers', '--tag', 'old');
    expect(await home.run(['tag', 'papers', '--add', 'new,newer', '--remove', 'old'])).toMatchObject({ exit: 0 });
    expect(await list()).toMatchObject([{ name: 'papers', tags: ['new', 'newer'] }]);
    expect(await home.run(['tag', '--set', ''])).toMatchObject({ exit: 0 });
    expect(await list()).toMatchObject([{ name: 'papers', tags: [] }]);
    const original = json<{ original: string | null }>(await home.run(['show', 'papers', '--json'])).original;
    expect(original).toMatch(/^[0-9a-f]{64}$/u);
  });

  it('changes nothing where nothing would change', async () => {
    await backUp(1, '--tag', 'a');
    const before = await list();
    const run = await home.run(['tag', '--add', 'a', '--json']);
    expect(json<object>(run)).toMatchObject({ changed: [], unchanged: 1 });
    expect(await list()).toEqual(before);
  });

  it('shows with --dry-run what would change', async () => {
    await backUp(1);
    const run = await home.run(['tag', '--add', 'a', '--dry-run', '--json']);
    expect(json<object>(run)).toMatchObject({ changed: [{ tags: ['a'], id: null }] });
    expect(await list()).toMatchObject([{ tags: [] }]);
  });

  it.each([[[]], [['--set', 'a', '--add', 'b']], [['--add', 'name:x']]])('%j is refused', async (args) => {
    await backUp(1);
    expect(await home.run(['tag', ...args])).toMatchObject({ exit: 2 });
  });
});
