// The commands that take care of a vault, as their users run them.
import { randomBytes } from 'node:crypto';
import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
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
  readonly host: string;
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
    [['--keep-last', '1', '--max-unused', '0'], 'USAGE', 2],
    [['--keep-last', '1', '--prune', '--max-unused', 'some'], 'USAGE', 2],
  ])('%j is refused', async (args, code, exit) => {
    const run = await home.run(['forget', ...args, '--yes', '--json']);
    expect(errorOf(run)).toMatchObject({ code, exit });
    expect(run.exit).toBe(exit);
    expect(await days()).toHaveLength(4);
  });

  it('with --prune also gives back what only the removed ones had', async () => {
    const run = await home.run(['forget', '--keep-last', '1', '--prune', '--max-unused', '0', '--yes', '--json']);
    expect(run.exit).toBe(0);
    expect(json(run)).toMatchObject({ removed: { length: 3 }, prune: { status: 'complete' } });
    expect(await home.run(['check', '--read-data'])).toMatchObject({ exit: 0 });
    expect(json(await home.run(['prune', '--max-unused', '0', '--json']))).toMatchObject({ status: 'nothing' });
    expect(await days()).toEqual(['04']);
  });

  it('with --prune and --dry-run removes nothing at all', async () => {
    const run = await home.run(['forget', '--keep-last', '1', '--prune', '--dry-run', '--json']);
    expect(json(run)).toMatchObject({ dryRun: true, removed: [] });
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

describe('rewrite', () => {
  beforeEach(async () => {
    await writeFile(home.file('docs', 'secret.key'), 'secret');
    await backUp(1);
  });

  it('makes a version without what is excluded beside the old one', async () => {
    expect(await home.run(['rewrite', '--exclude', '*.key'])).toMatchObject({ exit: 0 });
    const backups = await list();
    expect(backups.map(({ tags }) => tags.join(',')).sort()).toEqual(['', 'rewrite']);
    const rewritten = backups.find(({ tags }) => tags.includes('rewrite'));
    expect(await pathsOf(rewritten!.id)).not.toContain(home.file('docs', 'secret.key'));
    expect(await pathsOf(rewritten!.id)).toContain(home.file('docs', 'a.txt'));
  });

  it('with --forget needs a yes, and replaces the old one', async () => {
    const args = ['rewrite', 'latest', '--exclude', '*.key', '--forget'];
    expect(await home.run(args)).toMatchObject({ exit: 19 });
    expect(await pathsOf('latest')).toContain(home.file('docs', 'secret.key'));
    expect(await home.run([...args, '--yes'])).toMatchObject({ exit: 0 });
    expect(await list()).toMatchObject([{ tags: [] }]);
    expect(await pathsOf('latest')).not.toContain(home.file('docs', 'secret.key'));
  });

  it('gives another host and time', async () => {
    const args = ['rewrite', '--new-host', 'other', '--new-time', '2020-01-01T00:00:00Z', '--forget', '-y'];
    expect(await home.run(args)).toMatchObject({ exit: 0 });
    expect(await list()).toMatchObject([{ host: 'other', time: '2020-01-01T00:00:00.000Z' }]);
  });

  it('shows with --dry-run what would go, and changes nothing', async () => {
    const { stdout } = await home.run(['rewrite', '--exclude', '*.key', '--dry-run']);
    expect(stdout).toContain('secret.key: left out');
    expect(stdout).toContain('would write 1 backup again');
    expect(await list()).toHaveLength(1);
  });

  it('without a change is refused: 2', async () => {
    expect(await home.run(['rewrite', 'latest'])).toMatchObject({ exit: 2 });
  });
});

describe('repair', () => {
  beforeEach(async () => {
    await writeFile(home.file('docs', 'big.bin'), randomBytes(300_000));
    await backUp(1);
  });

  it('index lists the packs again when the index is lost', async () => {
    for (const name of await readdir(join(home.vault, 'index'))) await rm(join(home.vault, 'index', name));
    expect(await home.run(['check'])).toMatchObject({ exit: 20 });
    expect(await home.run(['repair', 'index'])).toMatchObject({ exit: 0 });
    expect(await home.run(['check', '--read-data'])).toMatchObject({ exit: 0 });
  });

  it('index says so where there is nothing to do', async () => {
    const { stdout } = await home.run(['repair', 'index']);
    expect(stdout).toBe('the index agrees with the packs\n');
  });

  it('packs takes what check found, saves the rest, and says what is lost: 3; snapshots then makes a whole backup', async () => {
    const pack = await largestPack();
    const bytes = await readFile(pack);
    bytes[1000] = bytes[1000]! ^ 1;
    await chmod(pack, 0o600);
    await writeFile(pack, bytes);
    const check = await home.run(['check', '--read-data', '--json']);
    expect(check.exit).toBe(20);

    const args = ['repair', 'packs', '--findings', '-', '--copies-to', 'copies', '--yes', '--json'];
    const repaired = await home.run(args, { input: check.stdout });
    expect(repaired.exit).toBe(3);
    expect(errorOf(repaired).code).toBe('REPAIR_PARTIAL');
    expect(await readdir(home.file('copies'))).toEqual([`damaged-pack-${basename(pack)}`]);
    expect(await home.run(['check'])).toMatchObject({ exit: 20 });

    expect(await home.run(['repair', 'snapshots', '--forget', '--yes'])).toMatchObject({ exit: 0 });
    expect(await home.run(['check', '--read-data'])).toMatchObject({ exit: 0 });
    expect(await list()).toHaveLength(1);
  });

  it('packs without a pack is refused: 2', async () => {
    expect(await home.run(['repair', 'packs'])).toMatchObject({ exit: 2 });
    expect(await home.run(['repair', 'packs', '1234'])).toMatchObject({ exit: 2 });
  });
});

it('recover brings a removed backup back', async () => {
  await backUp(1);
  expect(await home.run(['delete', 'latest', '--yes'])).toMatchObject({ exit: 0 });
  expect(await home.run(['recover'])).toMatchObject({ exit: 0 });
  expect(await list()).toMatchObject([{ name: 'recover', tags: ['recovered'] }]);
  const { stdout } = await home.run(['ls', 'latest']);
  expect(stdout).toContain('a.txt');
});

it('migrate turns version 1 into version 2 after a yes', async () => {
  await home.run(['init', '--repo-version', '1']);
  await backUp(1);
  expect(await home.run(['migrate', '--dry-run'])).toMatchObject({ exit: 0 });
  expect(await home.run(['migrate'])).toMatchObject({ exit: 19 });
  expect(await home.run(['migrate', '--yes', '--json'])).toMatchObject({ exit: 0 });
  await backUp(2);
  expect(await home.run(['check', '--read-data'])).toMatchObject({ exit: 0 });
  expect((await home.run(['migrate'])).stdout).toBe('the vault has version 2 already\n');
});

async function largestPack(): Promise<string> {
  const names = await readdir(join(home.vault, 'data'), { recursive: true });
  const sized = await Promise.all(
    names.map(async (name) => [(await stat(join(home.vault, 'data', name))).size, name] as const),
  );
  const [, largest] = sized.filter(([, name]) => name.length > 60).toSorted(([a], [b]) => b - a)[0]!;
  return join(home.vault, 'data', largest);
}

async function pathsOf(reference: string): Promise<string[]> {
  const run = await home.run(['ls', reference, '--json']);
  return json<{ entries: { path: string }[] }>(run).entries.map(({ path }) => path);
}

describe('check --resume', () => {
  it('reads what earlier checks have not read, and begins anew when all was read', async () => {
    await writeFile(home.file('docs', 'big.bin'), randomBytes(300_000));
    await backUp(1);
    await backUp(2);
    const args = ['--read-data=1', '--resume'];
    const { packs } = await check();
    expect(packs).toBeGreaterThan(2);
    const runs = [];
    for (let run = 0; run <= packs; run++) runs.push(await check(...args));
    expect(runs.map(({ packsRead }) => packsRead)).toEqual(runs.map(() => 1));
    expect(runs.map(({ packsReadBefore }) => packsReadBefore)).toEqual([...runs.keys()].map((run) => run % packs));
  });

  it('without --read-data is refused: 2', async () => {
    await backUp(1);
    expect(await home.run(['check', '--resume'])).toMatchObject({ exit: 2 });
  });
});

async function check(...args: string[]): Promise<{ packsRead: number; packsReadBefore: number; packs: number }> {
  return json(await home.run(['check', '--json', ...args]));
}

describe('stats', () => {
  it('counts in each way of restic', async () => {
    await writeFile(home.file('docs', 'same.txt'), 'day 1');
    await backUp(1);
    const stats = async (mode: string): Promise<object> => json(await home.run(['stats', '--json', '--mode', mode]));
    expect(await stats('restore-size')).toMatchObject({ mode: 'restore-size', bytes: 10 });
    expect(await stats('files-by-contents')).toMatchObject({ files: 1, bytes: 5 });
    expect(await stats('blobs-per-file')).toMatchObject({ files: 1, blobs: 1, bytes: 5 });
    expect(await stats('raw-data')).toMatchObject({ mode: 'raw-data', snapshots: 1 });
  });

  it('--history tells what each backup added, and the sum is what all take', async () => {
    await writeFile(home.file('docs', 'big.bin'), randomBytes(100_000));
    for (const day of [1, 2, 3]) await backUp(day);
    const { history } = json<{ history: { newBytes: number; totalBytes: number }[] }>(
      await home.run(['stats', '--history', '--json']),
    );
    const [first, second, third] = history;
    expect(first!.newBytes).toBeGreaterThan(100_000);
    expect(second!.newBytes).toBeLessThan(10_000);
    expect(third!.totalBytes).toBe(first!.newBytes + second!.newBytes + third!.newBytes);
    const { storedBytes } = json<{ storedBytes: number }>(await home.run(['stats', '--json']));
    expect(third!.totalBytes).toBe(storedBytes);
    expect((await home.run(['stats', '--history'])).stdout).toContain('NEW BLOBS');
  });
});
