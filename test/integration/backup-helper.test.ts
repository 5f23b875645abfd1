import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type BackupHelperOptions,
  openBackupHelper,
  withBackupHelper,
} from '../../src/app/helper/open-backup-helper.ts';
import { Secret } from '../../src/base/secret.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { initVault } from '../../src/vault/open-vault.ts';
import type { Vault } from '../../src/vault/vault.ts';

const password = 'correct horse';
let scratch: string;
let temporary: string;
let vault: Vault;
let options: BackupHelperOptions;
const before = process.env['TMPDIR'];

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-helper-test-'));
  temporary = join(scratch, 'tmp');
  await mkdir(temporary);
  vault = await initVault(`memory:${scratch}`, { password, generatedKey: true, jobs: 1, cache: false });
  options = { vault, tags: ['mysql'] };
  process.env['TMPDIR'] = temporary;
});

afterEach(async () => {
  if (before === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = before;
  await vault.close();
  await rm(scratch, { recursive: true });
});

const filesOf = async (reference: string): Promise<string[]> =>
  (await Array.fromAsync(vault.ls(reference, { recursive: true })))
    .filter(({ type }) => type === 'file')
    .map(({ path }) => path)
    .sort();

const textOf = async (reference: string, path: string): Promise<string> =>
  Buffer.concat(await Array.fromAsync(vault.cat(reference, path))).toString();

const cannotClose = (): Promise<void> => Promise.reject(new Error('cannot close'));

const daysAgo = (age: number): Date => new Date(Date.now() - age * 86_400_000);

describe('a backup helper', () => {
  it('B57: has a private directory whose name begins with its own, and tags of all its backups', async () => {
    await using h = await openBackupHelper('my host_mysql', options);
    const [made = ''] = await readdir(temporary);
    expect(made).toMatch(/^my_host_mysql_/u);
    expect((await stat(join(temporary, made))).mode & 0o777).toBe(0o700);
    await h.write('a.txt', 'x');
    expect(await h.backup({ tags: ['extra'] })).toMatchObject({ name: 'my host_mysql', tags: ['mysql', 'extra'] });
  });

  it('B57: opens a vault by its address with a password, and closes it', async () => {
    const place = { vault: vault.url, password, open: { cache: false as const, jobs: 1 } };
    {
      await using h = await openBackupHelper('mine', place);
      await h.write('a.txt', 'x');
      await h.backup();
    }
    expect(await filesOf('mine')).toEqual(['/mine/a.txt']);
  });

  it('makes archives where it is asked to, which are restored by name', async () => {
    await using h = await openBackupHelper('dumps', { ...options, form: 'archive' });
    await h.run('printf', ['select 1'], { to: 'dump.sql' });
    const archive = await h.backup({ encrypt: false, tags: ['extra'] });
    expect(archive).toMatchObject({ form: 'archive', name: 'dumps', tags: ['mysql', 'extra'], paths: ['/dumps'] });
    await h.restore({ to: join(scratch, 'out') });
    expect(await readFile(join(scratch, 'out/dumps/dump.sql'), 'utf8')).toBe('select 1');
  });

  it('thins out archives as it does snapshots', async () => {
    await using h = await openBackupHelper('dumps', { ...options, form: 'archive' });
    await h.write('a.txt', 'x');
    await h.backup({ encrypt: false, time: daysAgo(40) });
    const { id } = await h.backup({ encrypt: false });
    await h.deleteOlderThan('1M');
    expect(await Array.fromAsync(vault.list(), (backup) => backup.id)).toEqual([id]);
  });

  it('refuses to send what a program prints into an archive', async () => {
    await using h = await openBackupHelper('dumps', { ...options, form: 'archive' });
    expect(() => h.pipe('dump.sql', 'printf', ['x'])).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }));
  });

  it('B58: leaves the working directory of the process alone', async () => {
    const before = process.cwd();
    await using h = await openBackupHelper('mine', options);
    expect(process.cwd()).toBe(before);
    expect((await h.run('pwd')).stdout.trim()).toBe(h.dir);
  });

  it('B58: removes its directory also after a failure, which stays the error', async () => {
    const run = withBackupHelper('mine', options, async (h) => {
      await h.write('a.txt', 'x');
      throw new Error('the body failed');
    });
    await expect(run).rejects.toThrow('the body failed');
    expect(await readdir(temporary)).toEqual([]);
    expect(await Array.fromAsync(vault.list())).toEqual([]);
  });

  it('B58: backs up nothing by being closed alone', async () => {
    {
      await using h = await openBackupHelper('mine', options);
      await h.write('a.txt', 'x');
    }
    expect(await Array.fromAsync(vault.list())).toEqual([]);
  });

  it('B58: tells of a failure to clean up beside the failure of the body', async () => {
    const storage = openMemoryStorage();
    await (await initVault(storage, { password, generatedKey: true, cache: false }))[Symbol.asyncDispose]();
    Object.defineProperty(storage, Symbol.asyncDispose, { value: cannotClose });
    const own = { vault: storage, password, open: { cache: false as const } };
    const failure: unknown = await withBackupHelper('mine', own, () =>
      Promise.reject(new Error('the body failed')),
    ).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SuppressedError);
    expect(failure).toMatchObject({ error: { message: 'cannot close' }, suppressed: { message: 'the body failed' } });
    expect(await readdir(temporary)).toEqual([]);
  });

  it('B59: stores by its name, never by that of the directory, so that runs have a history', async () => {
    const ids: string[] = [];
    for (let run = 0; run < 2; run++) {
      const { backups } = await withBackupHelper('mine', options, async (h) => {
        await mkdir(h.path('deep'));
        await h.write('deep/a.txt', `run ${run}`);
        await h.write('same.txt', 'always the same');
      });
      ids.push(backups[0]?.id ?? '');
    }
    const records = await Array.fromAsync(vault.list({ name: 'mine' }));
    expect(records.map(({ paths }) => paths)).toEqual([['/mine'], ['/mine']]);
    expect(await filesOf('mine')).toEqual(['/mine/deep/a.txt', '/mine/same.txt']);
    expect(await vault.get('mine')).toHaveProperty('parent', ids[0]);
  });

  it('B59: restores the newest of its backups', async () => {
    await using h = await openBackupHelper('mine', options);
    await h.write('a.txt', 'saved');
    await h.backup();
    const { destination } = await h.restore({ to: join(scratch, 'out') });
    expect(await readFile(join(destination, 'a.txt'), 'utf8')).toBe('saved');
  });

  it('B59: rotates and removes backups of its own name only', async () => {
    await using other = await openBackupHelper('mine2', options);
    await other.write('a.txt', 'x');
    for (const age of [20, 10]) await other.backup({ time: daysAgo(age) });
    await using h = await openBackupHelper('mine', { ...options, rotation: { days: 3 } });
    await h.write('a.txt', 'x');
    for (const age of [20, 10, 1, 0]) await h.backup({ time: daysAgo(age) });
    expect((await h.rotate()).removed.length).toBe(2);
    expect((await h.deleteOlderThan('2h')).removed.length).toBe(1);
    const names = (await Array.fromAsync(vault.list())).map(({ name }) => name);
    expect(names.sort()).toEqual(['mine', 'mine2', 'mine2']);
  });

  it('rotates at the end of a script, by the rules that it is given', async () => {
    const run = { ...options, rotation: { days: 1 } };
    const before = await withBackupHelper('mine', run, async (h) => {
      await h.write('a.txt', 'x');
      await h.backup({ time: new Date(Date.now() - 5 * 86_400_000) });
    });
    expect(before.rotation?.removed).toEqual([]);
    const { rotation } = await withBackupHelper('mine', run, async (h) => void (await h.write('a.txt', 'y')));
    expect(rotation?.removed.map(({ id }) => id)).toEqual([before.backups[0]?.id]);
  });

  it('B60: is usable without `using`', async () => {
    const h = await openBackupHelper('mine', options);
    await h.run('echo', ['hello'], { to: 'a.txt' });
    await h.backup();
    await h.close();
    await h.close();
    expect(await textOf('mine', '/mine/a.txt')).toBe('hello\n');
    expect(await readdir(temporary)).toEqual([]);
  });

  it('B64: tells how far a backup is', async () => {
    await using h = await openBackupHelper('mine', options);
    await h.write('a.txt', Buffer.alloc(3_000_000));
    const phases = new Set<string>();
    for await (const { phase } of h.backup()) phases.add(phase);
    expect(phases.size).toBeGreaterThan(0);
  });

  it.each(['', 'latest', 'a/b', '..', 'a@b'])('refuses the name %j', async (name) => {
    await expect(openBackupHelper(name, options)).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
    expect(await readdir(temporary)).toEqual([]);
  });

  it('refuses to back up a directory that nothing was put into', async () => {
    await expect(withBackupHelper('mine', options, async () => {})).rejects.toMatchObject({ code: 'SOURCE_EMPTY' });
  });

  it('refuses paths that lead out of its directory', async () => {
    await using h = await openBackupHelper('mine', options);
    expect(() => h.path('..', 'x')).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
    expect(() => h.write('/etc/x', '')).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
  });
});

describe('a command of a helper', () => {
  it('that fails leaves no file, and says why', async () => {
    await using h = await openBackupHelper('mine', options);
    const run = h.run('sh', ['-c', 'echo half; echo "no such table" >&2; exit 2'], { to: 'dump.sql' });
    await expect(run).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
      message: 'sh exited with status 2: no such table',
    });
    expect(await readdir(h.dir)).toEqual([]);
  });

  it('that fails leaves what an earlier one wrote', async () => {
    await using h = await openBackupHelper('mine', options);
    await h.run('echo', ['good'], { to: 'dump.sql' });
    await expect(h.run('sh', ['-c', 'echo bad; exit 1'], { to: 'dump.sql' })).rejects.toThrow();
    expect(await readFile(h.path('dump.sql'), 'utf8')).toBe('good\n');
  });

  it('has its secrets in the environment, and not in what it says when it fails', async () => {
    await using h = await openBackupHelper('mine', options);
    const env = { MYSQL_PWD: new Secret('hunter22') };
    expect((await h.run('sh', ['-c', 'printf %s "$MYSQL_PWD"'], { env })).stdout).toBe('hunter22');
    const failure: unknown = await h.run('sh', ['-c', 'echo "got $MYSQL_PWD" >&2; exit 1'], { env }).catch((e) => e);
    expect(failure).toMatchObject({
      message: 'sh exited with status 1: got [redacted]',
      facts: { stderr: ['got [redacted]'] },
    });
  });

  it('gets its input', async () => {
    await using h = await openBackupHelper('mine', options);
    expect((await h.run('tr', ['a-z', 'A-Z'], { input: 'hello' })).stdout).toBe('HELLO');
  });

  it('writes files that only this user reads', async () => {
    await using h = await openBackupHelper('mine', options);
    await h.run('echo', ['x'], { to: 'deep/er/a.txt' });
    expect((await stat(h.path('deep/er/a.txt'))).mode & 0o777).toBe(0o600);
  });

  it('that was not awaited keeps a backup from being made of half of it', async () => {
    await using h = await openBackupHelper('mine', options);
    const run = h.run('sleep', ['60'], { to: 'dump.sql' });
    expect(() => h.backup()).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
    run.catch(() => {});
  });

  it('is ended when the helper is closed', async () => {
    const h = await openBackupHelper('mine', options);
    const run = h.run('sleep', ['60']);
    await h.close();
    await expect(run).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('that prints much into no file is stopped, with the way out', async () => {
    await using h = await openBackupHelper('mine', options);
    await expect(h.run('yes')).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  });
});

describe('a pipe', () => {
  it('goes into the backup without a file, beside the files of the directory', async () => {
    const { backups } = await withBackupHelper('mine', options, async (h) => {
      h.pipe('dump.sql', 'echo', ['create table x']);
      await h.write('a.txt', 'x');
      await h.write('z.txt', 'x');
      expect((await readdir(h.dir)).sort()).toEqual(['a.txt', 'z.txt']);
    });
    expect(backups.length).toBe(1);
    expect(await filesOf('mine')).toEqual(['/mine/a.txt', '/mine/dump.sql', '/mine/z.txt']);
    expect(await textOf('mine', '/mine/dump.sql')).toBe('create table x\n');
  });

  it('needs no files beside it', async () => {
    await withBackupHelper('mine', options, async (h) => {
      h.pipe('dump.sql', 'tr', ['a-z', 'A-Z'], { input: 'hello', env: { LC_ALL: 'C' } });
    });
    expect(await textOf('mine', '/mine/dump.sql')).toBe('HELLO');
  });

  it('is run again by the next backup only if it is named again', async () => {
    await using h = await openBackupHelper('mine', options);
    await h.write('a.txt', 'x');
    h.pipe('dump.sql', 'echo', ['x']);
    await h.backup();
    await h.backup();
    expect(await filesOf('mine')).toEqual(['/mine/a.txt']);
  });

  it('of a program that fails saves nothing, and says why without its secrets', async () => {
    await using h = await openBackupHelper('mine', options);
    await h.write('a.txt', 'x');
    const script = 'echo half; echo "no access with $PGPASSWORD" >&2; exit 1';
    h.pipe('dump.sql', 'sh', ['-c', script], { env: { PGPASSWORD: new Secret('hunter22') } });
    await expect(h.backup()).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
      message: 'sh exited with status 1: no access with [redacted]',
    });
    expect(await Array.fromAsync(vault.list())).toEqual([]);
  });

  it('cannot have the name of a file', async () => {
    await using h = await openBackupHelper('mine', options);
    await h.write('dump.sql', 'x');
    h.pipe('dump.sql', 'echo', ['x']);
    await expect(h.backup()).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  });
});

/** A process that has ended and that nobody has asked about stays as a zombie where there is no init to ask. */
async function waitUntilEnded(pid: number): Promise<void> {
  const state = async (): Promise<string> => {
    try {
      return /^State:\s+(\w)/mu.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
    } catch {
      return 'gone';
    }
  };
  await vi.waitFor(async () => expect(['gone', 'Z']).toContain(await state()), { timeout: 10_000 });
}

const script = (more: string): string => `
  import { openBackupHelper } from ${JSON.stringify(new URL('../../src/app/helper/open-backup-helper.ts', import.meta.url).href)};
  import { initVault } from ${JSON.stringify(new URL('../../src/vault/open-vault.ts', import.meta.url).href)};
  ${more}
  const vault = await initVault('memory:x', { password: 'x', generatedKey: true, cache: false });
  const h = await openBackupHelper('mine', { vault });
  h.run('sh', ['-c', 'echo $$ > pid; exec sleep 60']).catch(() => {});
  const wait = setInterval(() => {
    if (process.getBuiltinModule('fs').existsSync(h.path('pid'))) { console.log('ready'); clearInterval(wait); }
  }, 10);
  setTimeout(() => {}, 60_000);
`;

async function signalled(
  more: string,
  signal: NodeJS.Signals,
): Promise<{ readonly by: unknown; readonly pid: number }> {
  const file = join(scratch, 'script.ts');
  await writeFile(file, script(more));
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const [folder = ''] = await readdir(temporary);
  const pid = Number(await readFile(join(temporary, folder, 'files', 'pid'), 'utf8'));
  child.kill(signal);
  const [code, by] = (await once(child, 'exit')) as [number | null, string | null];
  return { by: by ?? code, pid };
}

describe('a signal', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s removes the directory, ends its programs, and ends the process as ever',
    async (signal) => {
      const { by, pid } = await signalled('', signal);
      expect(by).toBe(signal);
      expect(await readdir(temporary)).toEqual([]);
      await waitUntilEnded(pid);
    },
  );

  it('that the program handles itself leaves the ending to it', async () => {
    const { by } = await signalled("process.on('SIGTERM', () => process.exit(7));", 'SIGTERM');
    expect(by).toBe(7);
    expect(await readdir(temporary)).toEqual([]);
  });
});
