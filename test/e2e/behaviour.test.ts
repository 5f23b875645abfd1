import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HttpDouble } from '../support/http-double.ts';
import { ended, errorOf, Home } from './cairn-program.ts';

let home: Home;
let source: string;

beforeEach(async () => {
  home = await Home.make();
  source = await home.folder('documents');
  await mkdir(home.file('documents', 'sub'));
  await writeFile(home.file('documents', 'a.txt'), 'hello');
  await writeFile(home.file('documents', 'sub', 'b.bin'), Buffer.alloc(300_000, 7));
});

afterEach(async () => {
  await home[Symbol.asyncDispose]();
});

const json = async <T = Record<string, unknown>>(...args: string[]): Promise<T> => {
  const run = await home.run([...args, '--json']);
  expect(run).toMatchObject({ exit: 0 });
  return JSON.parse(run.stdout) as T;
};

describe('--json', () => {
  it('list is an array of exactly the documented fields', async () => {
    await home.run(['backup', source, '--tag', 'x,y']);
    const [backup, ...others] = await json<Record<string, unknown>[]>('list');
    expect(others).toEqual([]);
    expect(Object.keys(backup ?? {})).toEqual([
      'id',
      'form',
      'name',
      'time',
      'tags',
      'host',
      'paths',
      'bytes',
      'storedBytes',
    ]);
    expect(backup).toMatchObject({
      form: 'snapshot',
      name: 'documents',
      tags: ['x', 'y'],
      paths: [source],
      bytes: 300_005,
    });
    expect(new Date(String(backup?.['time'])).toISOString()).toBe(backup?.['time']);
  });

  it('every other document has the schema version, and stdout nothing else', async () => {
    expect(await json('backup', source)).toMatchObject({ schema: 1, status: 'complete', counts: { filesNew: 2 } });
    expect(await json('backup', source, '--dry-run')).toMatchObject({ schema: 1, dryRun: true });
    expect(await json('show', 'latest')).toMatchObject({ schema: 1, name: 'documents', summary: { totalFiles: 2 } });
    expect((await json('ls', 'latest', source))['entries']).toMatchObject([{ type: 'file', size: 5 }, { type: 'dir' }]);
    expect((await json('find', '*.bin'))['matches']).toMatchObject([
      { backup: { name: 'documents' }, entry: { size: 300_000 } },
    ]);
    expect(await json('diff', 'latest', 'latest')).toMatchObject({ schema: 1, changes: [] });
    expect(await json('stats')).toMatchObject({ schema: 1, snapshots: 1, restoreBytes: 300_005 });
    expect(await json('check', '--read-data')).toMatchObject({ schema: 1, isGood: true });
    expect((await json('key', 'list'))['keys']).toMatchObject([{ isCurrent: true }]);
    expect(await json('unlock')).toMatchObject({ schema: 1, removed: [] });
    expect(await json('cache', 'list')).toMatchObject({ schema: 1, folder: home.file('.cache', 'cairn') });
    expect(await json('doctor')).toMatchObject({ schema: 1 });
    expect(await json('restore', 'latest', '--to', 'out')).toMatchObject({
      schema: 1,
      status: 'complete',
      destination: home.file('out', 'documents'),
    });
  }, 60_000);
});

describe('B70: doctor', () => {
  it('tries the vault, and says of each thing that is not in order what to do', async () => {
    await home.run(['backup', source]);
    expect(await json('doctor')).toMatchObject({
      diagnoses: expect.arrayContaining([
        expect.objectContaining({ subject: 'storage', status: 'ok' }),
        expect.objectContaining({ subject: 'writing', status: 'ok' }),
        expect.objectContaining({ subject: 'backups', status: 'ok' }),
      ]) as unknown,
    });
    const env = { CAIRN_PASSWORD: 'not this one' };
    const { exit, stdout } = await home.run(['doctor', '--vault', home.vault, '--json'], { env });
    expect(exit).toBe(26);
    const { diagnoses } = JSON.parse(stdout) as { diagnoses: { status: string; subject: string; hint: string }[] };
    expect(diagnoses.filter(({ status }) => status === 'failed')).toMatchObject([
      { subject: 'vault', hint: expect.any(String) as unknown },
    ]);
  });
});

describe('streams', () => {
  it('saves stdin, and cat gives it back', async () => {
    await home.run(['backup', '--stdin', '--stdin-filename', 'dump.sql'], { input: 'select 1;\n' });
    expect((await home.run(['cat', 'dump.sql', 'dump.sql'])).stdout).toBe('select 1;\n');
  });

  it('saves what a program prints, its arguments untouched', async () => {
    const backup = await home.run([
      'backup',
      '--name',
      'greeting',
      '--stdin-from-command',
      '--',
      'printf',
      '%s %s',
      '--json',
      '-q',
    ]);
    expect(backup).toMatchObject({ exit: 0 });
    expect((await home.run(['cat', 'greeting', '/printf'])).stdout).toBe('--json -q');
  });

  it('archives stdin, and what a program prints unless it fails', async () => {
    const name = ['--stdin-filename', 'dump.sql'];
    await home.run(['archive', '--stdin', ...name, '--stdin-size', '10'], { input: 'select 1;\n' });
    expect((await home.run(['cat', 'dump.sql', 'dump.sql'])).stdout).toBe('select 1;\n');
    const failed = await home.run(['archive', '--stdin-from-command', ...name, '--', 'sh', '-c', 'echo x; exit 3']);
    expect([failed.exit, (JSON.parse((await home.run(['list', '--json'])).stdout) as unknown[]).length]).toEqual([
      24, 1,
    ]);
    const wrong = await home.run(['archive', '--stdin-size', '10', 'documents']);
    expect([wrong.exit, wrong.stderr]).toEqual([2, expect.stringContaining('--stdin-size needs --stdin')]);
  });

  it('an archive of a stream that has not the size that was said is no half success: nothing is kept', async () => {
    await home.run(['init']);
    const short = await home.run(
      ['--json', 'archive', '--stdin', '--stdin-filename', 'dump.sql', '--stdin-size', '11'],
      {
        input: 'select 1;\n',
      },
    );
    expect([short.exit, errorOf(short).code]).toEqual([23, 'SOURCE_CHANGED']);
    expect(JSON.parse((await home.run(['list', '--json'])).stdout)).toEqual([]);
  });

  it('dump writes a tar that tar unpacks', async () => {
    await home.run(['backup', source]);
    const child = home.start(['dump', 'documents', source]);
    const chunks: Buffer[] = await child.stdout!.toArray();
    await mkdir(home.file('untar'));
    execFileSync('tar', ['-x', '-C', home.file('untar')], { input: Buffer.concat(chunks) });
    execFileSync('diff', ['-r', source, home.file('untar', 'documents')]);
  });

  it.skipIf(!existsSync('/dev/full'))('output that cannot be written is a failure, not a short file', async () => {
    await home.run(['backup', source]);
    const full = openSync('/dev/full', 'w');
    try {
      const run = await home.run(['cat', 'documents', 'a.txt', '--json'], { stdout: full });
      expect(run.exit).toBe(13);
      expect(errorOf(run)).toMatchObject({ code: 'TARGET_FULL' });
    } finally {
      closeSync(full);
    }
  });

  it('a reader that goes away is no error to print', async () => {
    await writeFile(home.file('documents', 'big'), Buffer.alloc(20_000_000, 1));
    await home.run(['backup', source]);
    const child = home.start(['cat', 'documents', 'big']);
    await once(child.stdout!, 'data');
    child.stdout!.destroy();
    const stderr: Buffer[] = await child.stderr!.toArray();
    const [exit] = child.exitCode === null ? ((await once(child, 'close')) as [number]) : [child.exitCode];
    expect(Buffer.concat(stderr).toString()).toBe('');
    expect([0, 141]).toContain(exit);
  });
});

describe('interrupting', () => {
  it('the first SIGINT stops cleanly with 130, and no lock stays', async () => {
    await home.run(['backup', source]);
    const child = home.start(['backup', '--stdin']);
    child.stdin?.write('x');
    await expect.poll(() => readdir(`${home.vault}/locks`), { timeout: 20_000 }).toHaveLength(1);
    child.kill('SIGINT');
    const run = await ended(child);
    expect(run.exit).toBe(130);
    expect(run.stderr).toContain('interrupted by SIGINT');
    expect(await readdir(`${home.vault}/locks`)).toEqual([]);
    expect(await json('list')).toHaveLength(1);
  });

  it('the second one ends at once', async () => {
    await home.run(['backup', source]);
    const child = home.start([
      'backup',
      '--stdin-from-command',
      '--',
      'sh',
      '-c',
      'trap "" TERM; echo x; sleep 30 & wait',
    ]);
    await expect.poll(() => readdir(`${home.vault}/locks`), { timeout: 20_000 }).toHaveLength(1);
    child.kill('SIGINT');
    child.kill('SIGTERM');
    expect((await ended(child)).exit).toBe(130);
  });

  it('SIGUSR1 prints the status', async () => {
    await home.run(['backup', source]);
    const child = home.start(['backup', '--stdin']);
    child.stdin?.write(Buffer.alloc(100_000));
    let stderr = '';
    child.stderr?.on('data', (part: Buffer) => (stderr += part.toString()));
    const ask = setInterval(() => child.kill('SIGUSR1'), 200);
    try {
      await expect.poll(() => readdir(`${home.vault}/locks`), { timeout: 20_000 }).toHaveLength(1);
      await expect.poll(() => stderr, { timeout: 20_000 }).toMatch(/\[.*s\] {2}backup/);
    } finally {
      clearInterval(ask);
      child.stdin?.end();
    }
    await once(child, 'close');
  });

  it('off a terminal there are status lines now and then, and none with --quiet', async () => {
    await home.run(['backup', source]);
    const slow = (...args: string[]): Promise<{ stderr: string }> =>
      home.run([...args, 'backup', '--stdin-from-command', '--', 'sh', '-c', 'echo x; sleep 1; echo y'], {
        env: { CAIRN_PROGRESS_SECONDS: '0.2' },
      });
    expect((await slow()).stderr).toMatch(/\] {2}backup/);
    expect((await slow('-q')).stderr).toBe('');
  });
});

describe('settings', () => {
  it("restic's variables work, and the vault is restic's format", async () => {
    const env = { RESTIC_REPOSITORY: home.file('repo'), RESTIC_PASSWORD: 'x' };
    expect(await home.run(['init', '--chunker', 'rabin'], { env })).toMatchObject({ exit: 0 });
    expect(await home.run(['backup', source], { env })).toMatchObject({ exit: 0 });
    expect((await readdir(home.file('repo'))).toSorted()).toEqual([
      'config',
      'data',
      'index',
      'keys',
      'locks',
      'snapshots',
    ]);
  });

  it('a password never shows in what is printed', async () => {
    const env = { CAIRN_VAULT: home.file('v'), CAIRN_PASSWORD_COMMAND: 'echo hunter2; exit 1' };
    const run = await home.run(['init', '-vv'], { env });
    expect(run.exit).toBe(24);
    expect(run.stderr + run.stdout).not.toContain('hunter2');
  });

  it.each(['list', 'backup .', 'init', 'init --json', 'doctor --json'])(
    'a login in the address of a vault never shows in what is printed: %s',
    async (command) => {
      await using missing = await HttpDouble.start(() => ({ status: 404, body: '' }));
      const { host } = new URL(missing.url);
      const vault = `rest:http://ann:hunter2@${host}/x/`;
      for (const password of [{}, { CAIRN_PASSWORD: 'p' }]) {
        const run = await home.run([...command.split(' '), '-vv'], { env: { RESTIC_REPOSITORY: vault, ...password } });
        expect(run.stderr + run.stdout).toContain(host);
        expect(run.stderr + run.stdout).not.toContain('hunter2');
      }
    },
  );

  it.each(['--from', '--to'])('nor that of the other vault of a copy: %s', async (direction) => {
    await using missing = await HttpDouble.start(() => ({ status: 404, body: '' }));
    const other = `rest:${missing.url.replace('//', '//ann:hunter2@')}/x/`;
    await home.run(['backup', source]);
    for (const password of [{}, { CAIRN_FROM_PASSWORD: 'p', CAIRN_TO_PASSWORD: 'p' }]) {
      const run = await home.run(['copy', '-vv', direction, other], { env: password });
      expect(run.exit).not.toBe(0);
      expect(run.stderr + run.stdout).not.toContain('hunter2');
    }
  });

  it('a password in the place of an option never shows in what is printed', async () => {
    const run = await home.run(['list', '--password=hunter2']);
    expect(run.exit).toBe(2);
    expect(run.stderr + run.stdout).not.toContain('hunter2');
  });

  it('keys are added, changed and removed', async () => {
    await home.run(['backup', source]);
    await writeFile(home.file('new'), 'second\n', { mode: 0o600 });
    const owner = ['--user', 'ann', '--host', 'laptop'];
    expect(await home.run(['key', 'add', '--new-password-file', home.file('new'), ...owner])).toMatchObject({
      exit: 0,
    });
    expect(await home.run(['list', '--password-file', home.file('new')])).toMatchObject({ exit: 0 });
    const { keys } = await json<{ keys: { id: string; isCurrent: boolean }[] }>('key', 'list');
    const { id: other, ...shown } = keys.find(({ isCurrent }) => !isCurrent)!;
    expect(shown).toMatchObject({ username: 'ann', hostname: 'laptop' });
    expect(await home.run(['key', 'remove', other])).toMatchObject({ exit: 19 });
    expect(await home.run(['key', 'remove', other, '--yes'])).toMatchObject({ exit: 0 });
    expect(await home.run(['key', 'remove', keys.find(({ isCurrent }) => isCurrent)!.id, '-y'])).toMatchObject({
      exit: 28,
    });
    expect(await home.run(['list', '--password-file', home.file('new')])).toMatchObject({ exit: 12 });
  });

  it('names from a backup cannot write control characters', async () => {
    await writeFile(home.file('documents', 'evil\u001b[2J'), '');
    await home.run(['backup', source]);
    const { stdout } = await home.run(['ls', 'documents', source]);
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toContain('evil\\x1b[2J');
  });

  it('NO_COLOR and FORCE_COLOR are obeyed', async () => {
    await home.run(['backup', source]);
    expect((await home.run(['list'])).stdout).not.toContain('\u001b[');
    expect((await home.run(['list'], { env: { FORCE_COLOR: '1' } })).stdout).toContain('\u001b[');
    expect((await home.run(['list'], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })).stdout).not.toContain('\u001b[');
  });

  it('the key file keeps its content over all of this', async () => {
    await home.run(['backup', source]);
    const key = await readFile(home.key, 'utf8');
    await home.run(['backup', source]);
    await home.run(['init']);
    expect(await readFile(home.key, 'utf8')).toBe(key);
  });
});
