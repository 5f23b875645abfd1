// `cairn prune`, as its users run it.
import { readdir, rm, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorOf, Home } from './cairn-program.ts';

let home: Home;

beforeEach(async () => {
  home = await Home.make();
  await home.folder('docs');
  for (const content of ['old', 'new']) {
    await writeFile(home.file('docs', 'a.bin'), randomBytes(200_000));
    expect(await home.run(['backup', 'docs', '--name', content])).toMatchObject({ exit: 0 });
  }
  expect(await home.run(['delete', 'old', '--yes'])).toMatchObject({ exit: 0 });
});
afterEach(() => home[Symbol.asyncDispose]());

async function packs(): Promise<string[]> {
  const names = await readdir(join(home.vault, 'data'), { recursive: true });
  return names.filter((name) => name.length > 64).sort();
}

describe('prune', () => {
  it('shows with --dry-run what would go, and changes nothing', async () => {
    const before = await packs();
    const { exit, stdout } = await home.run(['prune', '--dry-run', '-v']);
    expect([exit, stdout]).toEqual([
      0,
      expect.stringMatching(/to remove .*\n[^]*\nremove [0-9a-f]{64}\n[^]*nothing was changed/u),
    ]);
    expect(await packs()).toEqual(before);
  });

  it('asks nothing, removes what no backup needs, and then finds nothing to do', async () => {
    const run = await home.run(['prune', '--json', '--max-unused', '0']);
    expect(run.exit).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({ schema: 1, dryRun: false, status: 'complete', damagedPacks: [] });
    expect(await home.run(['check', '--read-data'])).toMatchObject({ exit: 0 });
    expect(await home.run(['prune', '--max-unused', '0'])).toMatchObject({
      exit: 0,
      stdout: expect.stringContaining('nothing to remove'),
    });
  });

  it('refuses to remove everything: 25, unless that is wanted and confirmed', async () => {
    await home.run(['delete', 'new', '--yes']);
    const refused = await home.run(['prune', '--json']);
    expect([refused.exit, errorOf(refused).code]).toEqual([25, 'PRUNE_REFUSED']);
    expect((await home.run(['prune', '--allow-empty'])).exit).toBe(19);
    expect((await home.run(['prune', '--allow-empty', '--yes'])).exit).toBe(0);
    expect(await packs()).toEqual([]);
  });

  it('stops where a pack that is needed is gone: 25, and removes nothing', async () => {
    for (const name of await packs()) await rm(join(home.vault, 'data', name));
    const run = await home.run(['prune', '--json']);
    expect([run.exit, errorOf(run).hint]).toEqual([25, expect.stringContaining('cairn check')]);
  });

  it.each([
    ['--max-unused', 'much'],
    ['--max-unused', '120%'],
    ['--max-repack-size', '-1'],
    ['--pack-size', '1M'],
    ['--wait', 'long'],
  ])('refuses %s %s: 2', async (...args) => {
    expect((await home.run(['prune', ...args])).exit).toBe(2);
  });
});
