import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Ended, errorOf, Home } from './cairn-program.ts';

let home: Home;

beforeEach(async () => {
  home = await Home.make();
  await home.folder('docs');
  await writeFile(home.file('docs', 'a.txt'), 'hello');
  await writeFile(home.file('docs', 'b.tmp'), 'left out');
  await writeFile(home.file('pw'), 'of main\n', { mode: 0o600 });
});

afterEach(async () => {
  await home[Symbol.asyncDispose]();
});

const CONFIG = `vaults:
  main: { url: ./vault-main, password: { file: pw } }
  off: { url: ./vault-off, password: '\${OFF_PASSWORD}' }
sources:
  letters: { type: files, paths: docs, exclude: '*.tmp', tags: [paper] }
  dump: { type: command, command: 'echo dumped', filename: main.sql }
  broken: { type: command, command: 'echo half; exit 3', filename: broken.sql }
plans:
  nightly: { sources: [letters, broken, dump], vault: main, tags: [nightly] }
  weekly: { sources: [letters], vault: off }
default: { vault: main }
`;

async function configure(text = CONFIG, mode = 0o644): Promise<void> {
  await writeFile(home.file('cairn.yaml'), text, { mode });
}

function listed({ stdout }: Ended): { name: string; tags: string[]; paths: string[] }[] {
  return JSON.parse(stdout) as { name: string; tags: string[]; paths: string[] }[];
}

/** The vault that a command line would use. */
async function vaultOf(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string[]> {
  const { stdout } = await home.run([...args, 'config', 'show', '--effective', '--json'], { env });
  const { values } = JSON.parse(stdout) as {
    values: { key: string; value: string; origin: { kind: string; name?: string; line?: number } }[];
  };
  const found = values.find(({ key }) => key === '(vault)');
  const { kind = '', name, line } = found?.origin ?? {};
  return [found?.value ?? '', kind, String(name ?? line ?? '')];
}

describe('a configuration', () => {
  it('names vaults and sources: a backup by name lands in its vault, with its excludes and tags', async () => {
    await configure();
    expect(await home.run(['init'])).toMatchObject({ exit: 0 });
    expect(await home.run(['backup', 'letters', '--tag', 'extra'])).toMatchObject({ exit: 0 });
    const [backup] = listed(await home.run(['list', '--json']));
    expect(backup).toMatchObject({ name: 'letters', tags: ['paper', 'extra'], paths: [home.file('docs')] });
    const files = await home.run(['ls', '--recursive', 'letters']);
    expect(files.stdout).toContain('a.txt');
    expect(files.stdout).not.toContain('b.tmp');
    await stat(home.file('vault-main', 'config'));
  });

  it('runs the sources of a plan in their order, and one that fails stops no other', async () => {
    await configure();
    await home.run(['init']);
    const ran = await home.run(['backup', 'nightly', '--json']);
    expect(ran).toMatchObject({ exit: 3 });
    const { runs } = JSON.parse(ran.stdout) as { runs: { plan: string; sources: object[] }[] };
    expect(runs).toMatchObject([
      {
        plan: 'nightly',
        sources: [
          { source: 'letters', outcome: 'saved', backup: { name: 'letters', tags: ['paper', 'nightly'] } },
          { source: 'broken', outcome: 'failed', error: { code: 'COMMAND_FAILED' } },
          { source: 'dump', outcome: 'saved', backup: { name: 'dump', paths: ['/main.sql'] } },
        ],
      },
    ]);
    expect(errorOf(ran).code).toBe('BACKUP_PARTIAL');
  });

  it('has the vault of a plan, whose password comes from its own reference', async () => {
    await configure();
    const env = { OFF_PASSWORD: 'of off', CAIRN_PASSWORD: 'of another' };
    expect(await home.run(['--vault', 'off', 'init'], { env })).toMatchObject({ exit: 0 });
    expect(await home.run(['backup', 'weekly'], { env })).toMatchObject({ exit: 0 });
    expect(listed(await home.run(['--vault', 'off', 'list', '--json'], { env }))).toHaveLength(1);
    const wrong = await home.run(['--vault', 'off', 'list', '--json'], { env: { OFF_PASSWORD: 'x' } });
    expect(errorOf(wrong).code).toBe('PASSWORD_WRONG');
    const missing = await home.run(['--vault', 'off', 'list', '--json']);
    expect(errorOf(missing).message).toBe(
      `${home.file('cairn.yaml')}:3:28: vaults.off.password: the environment variable OFF_PASSWORD is not set`,
    );
  });

  it('copies between its vaults by their names', async () => {
    await configure();
    const env = { OFF_PASSWORD: 'of off' };
    await home.run(['init']);
    await home.run(['--vault', 'off', 'init'], { env });
    await home.run(['backup', 'letters']);
    expect(await home.run(['copy', '--to', 'off'], { env })).toMatchObject({ exit: 0 });
    expect(listed(await home.run(['--vault', 'off', 'list', '--json'], { env }))).toHaveLength(1);
  });

  it('chooses the vault: flag, then environment, then its default, then the default vault', async () => {
    await configure(`${CONFIG}profiles: { travel: { default: { vault: off } } }\n`);
    const env = { CAIRN_VAULT: 'off' };
    expect(await vaultOf(['--vault', '/elsewhere'], env)).toEqual(['/elsewhere', 'flag', '--vault']);
    expect(await vaultOf(['--vault', 'main'], env)).toEqual(['main', 'flag', '--vault']);
    expect(await vaultOf([], env)).toEqual(['off', 'env', 'CAIRN_VAULT']);
    expect(await vaultOf([], { RESTIC_REPOSITORY: '/r' })).toEqual(['/r', 'env', 'RESTIC_REPOSITORY']);
    expect(await vaultOf([])).toEqual(['main', 'file', '11']);
    expect(await vaultOf(['--profile', 'travel'])).toEqual(['off', 'file', '12']);
    await configure('vaults: { main: { url: ./v } }\n');
    expect(await vaultOf([])).toEqual([home.vault, 'default', '']);
  });

  it('B03: is chosen by --config and --profile in front of every command', async () => {
    await writeFile(
      home.file('other.yaml'),
      'profiles: { p: { default: { vault: x } } }\nvaults: { x: { url: ./x } }\n',
    );
    expect(await vaultOf(['--config', 'other.yaml', '--profile', 'p'])).toEqual(['x', 'file', '1']);
    const none = await home.run(['--config', 'none.yaml', 'list', '--json']);
    expect(errorOf(none)).toMatchObject({ code: 'CONFIG_INVALID', exit: 2 });
    const noProfile = await home.run(['--profile', 'p', 'list', '--json']);
    expect(errorOf(noProfile)).toMatchObject({ code: 'CONFIG_INVALID', exit: 2 });
  });

  it('keeps what the rules of a plan keep, and `rotate` what those of the vault keep', async () => {
    await configure(
      CONFIG.replace('pw } }', 'pw }, keep: { last: 1 } }').replace(
        '[letters, broken, dump]',
        '[letters], keep: { last: 2 }',
      ),
    );
    await home.run(['init']);
    for (const day of [1, 2, 3]) {
      expect(await home.run(['backup', 'nightly', '--time', `2026-11-0${day} 10:00`])).toMatchObject({ exit: 0 });
    }
    await home.run(['backup', 'letters', '--time', '2026-10-01 10:00']);
    expect(listed(await home.run(['list', '--json']))).toHaveLength(3);
    expect(await home.run(['rotate', '--yes'])).toMatchObject({ exit: 0 });
    expect(listed(await home.run(['list', '--json']))).toHaveLength(1);
  });

  it('takes --name for one source, and refuses it for several', async () => {
    await configure();
    await home.run(['init']);
    expect(await home.run(['backup', 'letters', '--name', 'post'])).toMatchObject({ exit: 0 });
    expect(listed(await home.run(['list', '--json']))).toMatchObject([{ name: 'post' }]);
    expect(await home.run(['backup', 'nightly', '--name', 'post'])).toMatchObject({ exit: 2 });
  });

  it('shows what a plan would save, and saves nothing', async () => {
    await configure(CONFIG.replace('broken, ', ''));
    await home.run(['init']);
    const dry = await home.run(['backup', '-n', 'nightly', '--json']);
    expect(JSON.parse(dry.stdout)).toMatchObject({
      dryRun: true,
      sources: [{ source: 'letters' }, { source: 'dump' }],
    });
    expect(listed(await home.run(['list', '--json']))).toEqual([]);
  });

  it('B04: has an exit code for each kind of failure, and none of them is 0', async () => {
    await configure();
    await home.run(['init']);
    await home.run(['backup', 'letters']);
    expect(await home.run(['restore', 'nothing', '--to', 'out'])).toMatchObject({ exit: 17 });
    expect(await home.run(['backup'])).toMatchObject({ exit: 2 });
    expect(await home.run(['backup', './nowhere'])).toMatchObject({ exit: 23 });
  });

  it('leaves a word that is a name and a path alone, with the way out', async () => {
    await configure();
    await mkdir(home.file('letters'));
    const both = await home.run(['backup', 'letters', '--json']);
    expect(errorOf(both)).toMatchObject({ code: 'USAGE', exit: 2 });
    expect(errorOf(both).hint).toContain('./letters');
    await mkdir(home.file('off'));
    expect(errorOf(await home.run(['--vault', 'off', 'list', '--json'])).hint).toContain('./off');
  });

  it('that is wrong stops what needs it, by file, line, column and key, and nothing else', async () => {
    await configure('vaults:\n  main:\n    urll: x\n');
    const list = await home.run(['list', '--json']);
    expect(errorOf(list)).toMatchObject({ code: 'CONFIG_INVALID', exit: 2 });
    expect(errorOf(list).message).toContain(
      'cairn.yaml:3:5: vaults.main.urll: there is no such key; did you mean url?',
    );
    expect(errorOf(await home.run(['--vault', '/nowhere', 'list', '--json'])).code).toBe('VAULT_MISSING');
  });

  it('with a plain secret that others can read is refused, with chmod as the way out', async () => {
    await configure('vaults: { main: { url: ./v, password: hunter2 } }\ndefault: { vault: main }\n');
    const refused = await home.run(['list', '--json']);
    expect(errorOf(refused).hint).toContain(`chmod 600 ${home.file('cairn.yaml')}`);
    expect(refused.stderr).not.toContain('hunter2');
    await configure(
      'vaults: { main: { url: ./v, password: { command: "exit 4 # hunter2" } } }\ndefault: { vault: main }\n',
    );
    await mkdir(home.file('v'));
    await writeFile(home.file('v', 'config'), 'x');
    const unreadable = await home.run(['list', '--json']);
    expect(errorOf(unreadable)).toMatchObject({ code: 'COMMAND_FAILED', exit: 24 });
    expect(errorOf(unreadable).message).toContain('vaults.main.password: its command failed: exit code 4');
    expect(unreadable.stderr).not.toContain('hunter2');
  });
});

describe('cairn config', () => {
  it('validate counts what is there, and looks up secrets when asked', async () => {
    await configure();
    const good = await home.run(['config', 'validate'], { env: { OFF_PASSWORD: 'x' } });
    expect(good).toMatchObject({ exit: 0 });
    expect(good.stdout).toContain('2 vaults, 3 sources, 2 plans');
    expect(good.stderr).toContain(`chmod 600 ${home.file('cairn.yaml')}`);
    expect(await home.run(['config', 'validate'])).toMatchObject({ exit: 0 });
    const missing = await home.run(['config', 'validate', '--secrets', '--json']);
    expect(errorOf(missing).message).toContain('vaults.off.password: the environment variable OFF_PASSWORD is not set');
  });

  it('validate checks every profile', async () => {
    await configure(`${CONFIG}profiles: { p: { vaults: { main: { urll: x } } } }\n`);
    expect(errorOf(await home.run(['config', 'validate', '--json'])).message).toContain(
      'cairn.yaml:12:36: vaults.main.urll',
    );
  });

  it('show names the line of each value and shows no secret', async () => {
    await configure('vaults: { main: { url: ./v, password: hunter2 } }\n', 0o600);
    const shown = await home.run(['config', 'show']);
    expect(shown.stdout).toMatch(/vaults\.main\.url\s+\/.*\/v\s+.*cairn\.yaml:1\n/);
    expect(shown.stdout).toMatch(/vaults\.main\.password\s+\[redacted\]/);
    expect(shown.stdout).not.toContain('hunter2');
  });

  it('schema is JSON Schema that knows the keys', async () => {
    const { stdout } = await home.run(['config', 'schema']);
    const schema = JSON.parse(stdout) as { properties: Record<string, object> };
    expect(Object.keys(schema.properties)).toEqual(
      expect.arrayContaining(['vaults', 'sources', 'plans', 'notifications', 'hooks', 'plugins', 'profiles']),
    );
  });

  it('init needs a terminal, and writes nothing without one', async () => {
    const refused = await home.run(['config', 'init', '--json']);
    expect(errorOf(refused)).toMatchObject({ code: 'USAGE', exit: 2 });
    await expect(stat(home.file('.config', 'cairn', 'cairn.yaml'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('import-bakthat adds its profiles beside what is there, for the owner only', async () => {
    await writeFile(
      home.file('.bakthat.yml'),
      'default: { access_key: AKIA, secret_key: hunter2, s3_bucket: b, rotation: { days: 7, first_week_day: 5 } }\n',
    );
    const dry = await home.run(['config', 'import-bakthat', '--dry-run']);
    expect(dry.stdout).toContain('s3://b/cairn');
    expect(dry.stdout).not.toContain('hunter2');
    const file = home.file('.config', 'cairn', 'cairn.yaml');
    await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' });
    await mkdir(home.file('.config', 'cairn'), { recursive: true });
    await writeFile(file, '# mine\nvaults: { old: { url: ./old } }\n');
    expect(await home.run(['config', 'import-bakthat'])).toMatchObject({ exit: 0 });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const text = await readFile(file, 'utf8');
    expect(text).toContain('# mine');
    expect(text).toContain('old');
    expect(await vaultOf([])).toEqual(['main', 'file', expect.any(String)]);
    const again = await home.run(['config', 'import-bakthat', '--json']);
    expect(errorOf(again)).toMatchObject({ code: 'CONFIRMATION_NEEDED', exit: 19 });
  });
});

describe('the environment', () => {
  const bakthat = { BAKTHAT_PASSWORD: 'of bakthat' };

  it('B09: BAKTHAT_PASSWORD is the password of a backup and of its restore', async () => {
    const vault = ['--vault', home.file('b')];
    expect(await home.run([...vault, 'init'], { env: bakthat })).toMatchObject({ exit: 0 });
    expect(await home.run([...vault, 'backup', 'docs'], { env: bakthat })).toMatchObject({ exit: 0 });
    expect(await home.run([...vault, 'restore', 'docs', '--to', 'out'], { env: bakthat })).toMatchObject({ exit: 0 });
    expect(await readFile(home.file('out', 'docs', 'a.txt'), 'utf8')).toBe('hello');
    expect(await home.run([...vault, 'list'], { env: { CAIRN_PASSWORD: 'of bakthat' } })).toMatchObject({ exit: 0 });
  });

  it('B25: goes flag, CAIRN_PASSWORD, BAKTHAT_PASSWORD, RESTIC_PASSWORD', async () => {
    await writeFile(home.file('right'), 'right', { mode: 0o600 });
    const vault = ['--vault', home.file('b')];
    await home.run([...vault, '--password-file', 'right', 'init']);
    const wrong = { CAIRN_PASSWORD: 'x', BAKTHAT_PASSWORD: 'x', RESTIC_PASSWORD: 'x' };
    const list = async (env: Readonly<Record<string, string>>, flags: readonly string[] = []): Promise<number | null> =>
      (await home.run([...vault, ...flags, 'list'], { env })).exit;
    expect(await list(wrong, ['--password-file', 'right'])).toBe(0);
    expect(await list({ ...wrong, CAIRN_PASSWORD: 'right' })).toBe(0);
    expect(await list({ ...wrong, CAIRN_PASSWORD: '', BAKTHAT_PASSWORD: 'right' })).toBe(0);
    expect(await list({ BAKTHAT_PASSWORD_FILE: home.file('right'), RESTIC_PASSWORD: 'x' })).toBe(0);
    expect(await list({ RESTIC_PASSWORD: 'right' })).toBe(0);
    expect(await list(wrong)).toBe(12);
  });

  it('B25: an empty BAKTHAT_PASSWORD asks for no encryption, which a snapshot cannot have', async () => {
    const env = { BAKTHAT_PASSWORD: '' };
    const refused = await home.run(['--vault', home.file('b'), 'init', '--json'], { env });
    expect(errorOf(refused)).toMatchObject({ code: 'PASSWORD_MISSING', exit: 12 });
    expect(errorOf(refused).message).toContain('BAKTHAT_PASSWORD is empty');
    expect(errorOf(await home.run(['backup', 'docs', '--json'], { env })).message).toContain(
      'BAKTHAT_PASSWORD is empty',
    );
    await expect(stat(home.key)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
