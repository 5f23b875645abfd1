import { execFileSync } from 'node:child_process';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Ended, errorOf, Home } from './cairn-program.ts';

let home: Home;

beforeEach(async () => {
  home = await Home.make();
  await home.folder('documents');
  await writeFile(home.file('documents', 'a.txt'), 'a text');
});

afterEach(async () => {
  await home[Symbol.asyncDispose]();
});

const cairn = (...args: readonly string[]): Promise<Ended> =>
  home.run(args, { env: { CAIRN_PASSWORD: 'correct horse' } });

async function removeOne(folder: string): Promise<void> {
  const [name = ''] = await readdir(home.file(...folder.split('/')));
  await rm(join(home.file(...folder.split('/')), name), { recursive: true });
}

describe('a vault given with --vault twice', { timeout: 60_000 }, () => {
  const both = ['--vault', 'first', '--vault', 'second'] as const;

  beforeEach(async () => {
    expect(await cairn('init', ...both)).toMatchObject({ exit: 0 });
    expect(await cairn('backup', 'documents', ...both)).toMatchObject({ exit: 0 });
  });

  it('is the same vault in both, and in step', async () => {
    execFileSync('diff', ['-r', home.file('first'), home.file('second')]);
    const { exit, stdout } = await cairn('mirror', ...both);
    expect([exit, stdout]).toEqual([0, expect.stringMatching(/first: the vault\n.*second: in step\n/)]);
  });

  it('says which is behind: 3', async () => {
    await removeOne('second/snapshots');
    const { exit, stdout } = await cairn('mirror', 'status', ...both);
    expect([exit, stdout]).toEqual([3, expect.stringMatching(/second: behind, 1 file of the vault missing/)]);
    const json = await cairn('mirror', '--json', ...both);
    expect(errorOf(json)).toMatchObject({ code: 'MIRROR_BEHIND', exit: 3 });
    expect(JSON.parse(json.stdout)).toMatchObject({
      schema: 1,
      members: [{ state: 'in-step' }, { state: 'behind', reason: { missing: 1 } }],
    });
  });

  it('says so with the next backup, which is complete: 0', async () => {
    await removeOne('second/snapshots');
    await writeFile(home.file('documents', 'b.txt'), 'more');
    const { exit, stderr } = await cairn('backup', 'documents', ...both);
    expect([exit, stderr]).toEqual([0, expect.stringMatching(/warning: the mirror .*second is behind/)]);
    const needs = await cairn('backup', 'documents', '--force', '--mirror-copies', '2', ...both);
    expect(needs.exit).toBe(3);
  });

  it('shows what a repair would do, and does it', async () => {
    await removeOne('second/snapshots');
    const dry = await cairn('mirror', 'repair', '--dry-run', ...both);
    expect([dry.exit, dry.stdout]).toEqual([0, expect.stringContaining('1 object to copy')]);
    expect((await cairn('mirror', ...both)).exit).toBe(3);
    const repaired = await cairn('mirror', 'repair', ...both);
    expect([repaired.exit, repaired.stdout]).toEqual([0, expect.stringContaining('copied 1 object')]);
    execFileSync('diff', ['-r', home.file('first'), home.file('second')]);
  });

  it('removes nothing off a terminal without --yes: 19', async () => {
    expect(await cairn('backup', 'documents', '--force', ...both)).toMatchObject({ exit: 0 });
    await removeOne('first/snapshots');
    const { exit, stderr } = await cairn('mirror', 'repair', ...both);
    expect([exit, stderr]).toEqual([19, expect.stringContaining('1 object from')]);
    expect(await readdir(home.file('second', 'snapshots'))).toHaveLength(2);
    expect((await cairn('mirror', 'repair', '--yes', ...both)).exit).toBe(0);
    expect(await readdir(home.file('second', 'snapshots'))).toHaveLength(1);
  });

  it('takes the last backup from no copy: 2', async () => {
    await removeOne('first/snapshots');
    const { exit, stderr } = await cairn('mirror', 'repair', '--yes', ...both);
    expect([exit, stderr]).toEqual([2, expect.stringContaining('has no backup')]);
    expect(await readdir(home.file('second', 'snapshots'))).toHaveLength(1);
  });

  it('is restored from the other one when the first lost its packs', async () => {
    await rm(home.file('first', 'data'), { recursive: true });
    expect(await cairn('restore', 'documents', '--to', 'out', ...both)).toMatchObject({ exit: 0 });
    execFileSync('diff', ['-r', home.file('documents'), home.file('out', 'documents')]);
  });

  it('can be named by one address, also in the environment', async () => {
    const env = { CAIRN_PASSWORD: 'correct horse', CAIRN_VAULT: 'mirror:first,second' };
    expect(await home.run(['mirror'], { env })).toMatchObject({ exit: 0 });
  });

  it('names a storage whose locks were left alone, since it is another vault', async () => {
    expect(await cairn('init', '--vault', 'third')).toMatchObject({ exit: 0 });
    const places = ['--vault', 'first', '--vault', 'third'];
    const { exit, stdout } = await cairn('unlock', '--remove-all', '--yes', '--json', ...places);
    expect([exit, JSON.parse(stdout)]).toMatchObject([
      0,
      { removed: [], unreached: [{ url: home.file('third'), message: expect.stringContaining('another vault') }] },
    ]);
  });

  it('has no mirror where one is named: 2', async () => {
    expect((await cairn('mirror', '--vault', 'first')).exit).toBe(2);
  });
});

describe('access to a vault', { timeout: 60_000 }, () => {
  const vault = ['--vault', 'vault'] as const;

  beforeEach(async () => {
    expect(await cairn('init', ...vault)).toMatchObject({ exit: 0 });
    expect(await cairn('backup', 'documents', ...vault)).toMatchObject({ exit: 0 });
  });

  it('for reading only lists and restores, and saves nothing: 14', async () => {
    expect(await cairn('list', '--read-only', ...vault)).toMatchObject({ exit: 0 });
    expect(await cairn('restore', 'documents', '--to', 'out', '--read-only', ...vault)).toMatchObject({ exit: 0 });
    expect((await cairn('backup', 'documents', '--read-only', ...vault)).exit).toBe(14);
  });

  it('for adding only saves, and deletes nothing', async () => {
    await writeFile(home.file('documents', 'b.txt'), 'more');
    expect(await cairn('backup', 'documents', '--append-only', ...vault)).toMatchObject({ exit: 0 });
    const { stderr } = await cairn('delete', 'latest', '--yes', '--append-only', ...vault);
    expect(stderr).toContain('adding only');
    expect(await readdir(home.file('vault', 'snapshots'))).toHaveLength(2);
  });

  it('cannot be for both: 2', async () => {
    expect((await cairn('list', '--read-only', '--append-only', ...vault)).exit).toBe(2);
  });

  it('takes limits, and refuses those that are none: 2', async () => {
    const limits = ['--limit-upload', '100000', '--limit-download', '100000', '--connections', '2'];
    expect(await cairn('backup', 'documents', '--force', ...limits, ...vault)).toMatchObject({ exit: 0 });
    expect((await cairn('list', '--limit-upload', '0', ...vault)).exit).toBe(2);
  });
});
