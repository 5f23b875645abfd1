import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Ended, errorOf, Home, isRoot } from './cairn-program.ts';

let home: Home;
let source: string;
let vault: string;
const env = { CAIRN_PASSWORD: 'correct horse' };

beforeEach(async () => {
  home = await Home.make();
  source = await home.folder('documents');
  await writeFile(home.file('documents', 'a.txt'), 'hello');
  vault = home.file('vault');
});

afterEach(async () => {
  await chmod(home.file('vault'), 0o755).catch(() => {});
  await home[Symbol.asyncDispose]();
});

const cairn = (...args: string[]): Promise<Ended> => home.run(['--vault', vault, ...args], { env });
const failure = async (...args: string[]): Promise<ReturnType<typeof errorOf> & { exit: number }> => {
  const run = await cairn('--json', ...args);
  const error = errorOf(run);
  expect(run.exit).toBe(error.exit);
  return error;
};

describe('each failure has its own exit code, a message that names the thing, and a way out', () => {
  it('missing vault: 10, and it is not made silently', async () => {
    const error = await failure('backup', source);
    expect(error).toMatchObject({ code: 'VAULT_MISSING', exit: 10 });
    expect(error.message).toContain(vault);
    expect(error.hint).toContain('cairn init');
    expect(await readdir(home.path)).toEqual(['documents']);
  });

  it('unknown option: 2, with how restic calls it explained, and another guess only where there is no such word', async () => {
    const ofRestic = await failure('restore', 'documents', '--target', 'out');
    expect(ofRestic).toMatchObject({ code: 'USAGE', exit: 2, message: "unknown option '--target'" });
    expect(ofRestic.hint).toContain('--to DIR');
    const mistyped = await failure('restore', 'documents', '--overwrit', 'never');
    expect(mistyped.message).toBe("unknown option '--overwrit'");
    expect(mistyped.hint).toContain('Did you mean --overwrite?');
  });

  it('wrong password: 12', async () => {
    await cairn('init');
    const run = await home.run(['--vault', vault, 'list', '--json'], { env: { CAIRN_PASSWORD: 'wrong' } });
    expect(errorOf(run)).toMatchObject({ code: 'PASSWORD_WRONG', exit: 12 });
  });

  it('no password and no terminal: 12, with every way to give one', async () => {
    await cairn('init');
    const run = await home.run(['--vault', vault, 'list', '--json']);
    expect(errorOf(run)).toMatchObject({ code: 'PASSWORD_MISSING', exit: 12 });
    expect(errorOf(run).hint).toContain('--password-command');
  });

  it('a vault that is there already: 27', async () => {
    await cairn('init');
    expect(await failure('init')).toMatchObject({ code: 'VAULT_EXISTS', exit: 27 });
  });

  it('unknown reference: 17', async () => {
    await cairn('init');
    await cairn('backup', source);
    expect(await failure('restore', 'letters', '--to', 'out')).toMatchObject({ code: 'REF_UNKNOWN', exit: 17 });
    expect(await failure('cat', 'documents', 'b.txt')).toMatchObject({ code: 'PATH_NOT_FOUND', exit: 17 });
    expect(await readdir(home.path)).not.toContain('out');
  });

  it('ambiguous reference: 18, with the candidates', async () => {
    await cairn('init');
    // Seventeen ids share a first digit for certain.
    for (let n = 0; n < 17; n++) await cairn('backup', source);
    const ids = (JSON.parse((await cairn('list', '--json')).stdout) as { id: string }[]).map(({ id }) => id);
    const digit = ids.map(([first]) => first).find((first, at, all) => all.indexOf(first) !== at) ?? '';
    const error = await failure('show', digit);
    expect(error).toMatchObject({ code: 'REF_AMBIGUOUS', exit: 18 });
    for (const id of ids.filter((candidate) => candidate.startsWith(digit)))
      expect(error.message).toContain(id.slice(0, 8));
  }, 120_000);

  it('target inside the vault: 22, and nothing changed', async () => {
    await cairn('init');
    await cairn('backup', source);
    const before = (await readdir(vault, { recursive: true })).toSorted();
    expect(await failure('restore', 'latest', '--to', home.file('vault', 'x'))).toMatchObject({
      code: 'TARGET_INSIDE_VAULT',
      exit: 22,
    });
    const after = (await readdir(vault, { recursive: true })).toSorted();
    expect(after).toEqual(before);
  });

  it('a target with files, off a terminal: 19 without --yes or --overwrite, and nothing changed', async () => {
    await cairn('init');
    await cairn('backup', source);
    await mkdir(home.file('out', 'documents'), { recursive: true });
    await writeFile(home.file('out', 'documents', 'a.txt'), 'mine');
    expect(await failure('restore', 'latest', '--to', 'out')).toMatchObject({ code: 'CONFIRMATION_NEEDED', exit: 19 });
    expect(await readFile(home.file('out', 'documents', 'a.txt'), 'utf8')).toBe('mine');
    expect(await cairn('restore', 'latest', '--to', 'out', '--overwrite', 'never')).toMatchObject({ exit: 0 });
    expect(await readFile(home.file('out', 'documents', 'a.txt'), 'utf8')).toBe('mine');
    expect(await cairn('restore', 'latest', '--to', 'out', '--yes')).toMatchObject({ exit: 0 });
    expect(await readFile(home.file('out', 'documents', 'a.txt'), 'utf8')).toBe('hello');
  });

  it('a target that is below a file: 21', async () => {
    await cairn('init');
    await cairn('backup', source);
    await writeFile(home.file('file'), '');
    expect(await failure('restore', 'latest', '--to', home.file('file', 'x'))).toMatchObject({
      code: 'TARGET_INVALID',
      exit: 21,
    });
  });

  it('locked vault: 11, naming who holds the lock', async () => {
    await cairn('init');
    const child = home.start(['--vault', vault, 'backup', '--stdin'], { env });
    try {
      // The backup waits for the end of its input, and holds its shared lock meanwhile.
      child.stdin?.write('x');
      await expect
        .poll(() => readdir(home.file('vault', 'locks')).catch(() => []), { timeout: 20_000 })
        .toHaveLength(1);
      const error = await failure('check');
      expect(error).toMatchObject({ code: 'VAULT_LOCKED', exit: 11 });
      expect(error.message).toContain(hostname());
      expect(error.message).toContain(String(child.pid));
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('source that does not exist: 23, and no backup of nothing', async () => {
    await cairn('init');
    expect(await failure('backup', home.file('none'))).toMatchObject({ code: 'SOURCE_MISSING', exit: 23 });
    expect(JSON.parse((await cairn('list', '--json')).stdout)).toEqual([]);
  });

  it('a command that fails: 24, and nothing is saved', async () => {
    await cairn('init');
    const error = await failure('backup', '--stdin-from-command', '--', 'sh', '-c', 'echo half; exit 3');
    expect(error).toMatchObject({ code: 'COMMAND_FAILED', exit: 24 });
    expect(JSON.parse((await cairn('list', '--json')).stdout)).toEqual([]);
  });

  it('damage: 20 from a check, naming the pack', async () => {
    await cairn('init');
    await cairn('backup', source);
    const packs = await readdir(home.file('vault', 'data'), { recursive: true, withFileTypes: true });
    const pack = packs.find((entry) => entry.isFile())!;
    const path = `${pack.parentPath}/${pack.name}`;
    const bytes = await readFile(path);
    bytes[8]! ^= 1;
    await chmod(path, 0o600);
    await writeFile(path, bytes);
    const run = await cairn('check', '--read-data');
    expect(run.exit).toBe(20);
    expect(run.stderr).toContain(pack.name.slice(0, 8));
  });

  it('wrong use: 2', async () => {
    expect(await failure('restore')).toMatchObject({ code: 'USAGE', exit: 2 });
    expect(await failure('nonsense')).toMatchObject({ code: 'USAGE', exit: 2 });
    expect(await failure('list', '--after', 'never')).toMatchObject({ exit: 10 });
    await cairn('init');
    expect(await failure('list', '--after', 'never')).toMatchObject({ code: 'ARGUMENT_INVALID', exit: 2 });
  });
});

describe.skipIf(!isRoot)('as a user without rights', () => {
  it('what cannot be read is named, the rest is saved: 3', async () => {
    await cairn('init');
    await home.run(['--vault', vault, 'list'], { env });
    await writeFile(home.file('documents', 'secret'), 'x', { mode: 0o600 });
    for (const folder of ['.', ...(await readdir(vault))])
      await chmod(home.file('vault', folder), folder === 'config' ? 0o644 : 0o777);
    await chmod(home.file('vault', 'keys', (await readdir(home.file('vault', 'keys')))[0]!), 0o644);
    const run = await home.run(['--vault', vault, 'backup', source], { env, asNobody: true });
    expect(run.exit).toBe(3);
    expect(run.stderr).toContain(home.file('documents', 'secret'));
    expect(run.stdout).toContain('1 new');
  });

  it('a vault that cannot be written: backups fail with 14 or 15, reading works', async () => {
    await cairn('init');
    await cairn('backup', source);
    for (const entry of await readdir(vault, { recursive: true, withFileTypes: true })) {
      await chmod(`${entry.parentPath}/${entry.name}`, entry.isDirectory() ? 0o555 : 0o444);
    }
    await chmod(vault, 0o555);
    const backup = await home.run(['--vault', vault, 'backup', source, '--json'], { env, asNobody: true });
    expect([14, 15]).toContain(errorOf(backup).exit);
    expect(backup.exit).toBe(errorOf(backup).exit);
    const list = await home.run(['--vault', vault, 'list', '--json'], { env, asNobody: true });
    expect(JSON.parse(list.stdout)).toHaveLength(1);
    const restore = await home.run(['--vault', vault, 'restore', 'latest', '--to', 'out'], { env, asNobody: true });
    expect(restore).toMatchObject({ exit: 0 });
  });
});
