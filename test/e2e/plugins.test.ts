import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorOf, Home } from './cairn-program.ts';

const examples = fileURLToPath(new URL('../../examples', import.meta.url));

let home: Home;

beforeEach(async () => {
  home = await Home.make();
  await home.folder('data');
  await writeFile(home.file('data', 'a.txt'), 'hello\n');
});

afterEach(() => home[Symbol.asyncDispose]());

async function configure(yaml: string): Promise<void> {
  await writeFile(home.file('cairn.yaml'), yaml, { mode: 0o600 });
}

async function plugin(name: string, text: string): Promise<void> {
  const path = home.file(name);
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await writeFile(path, text, { mode: 0o644 });
}

/** A checkout may have files that its group may write. */
async function example(name: string): Promise<void> {
  await copyFile(join(examples, name), home.file(name));
  await chmod(home.file(name), 0o644);
}

/** The folder of a home can be written by everybody, for those tests that run as nobody. */
beforeEach(() => chmod(home.path, 0o755));

describe('B62: the timer plugin', () => {
  it('says with one session id what begins, what was saved and how long it took', async () => {
    await example('timer-plugin.ts');
    await configure('plugins: [./timer-plugin.ts]\n');
    const { exit, stderr } = await home.run(['backup', 'data']);
    const uuid = /^before_backup ([\da-f-]{36})$/mu.exec(stderr)?.[1] ?? 'none';
    expect(stderr).toMatch(new RegExp(`^on_backup ${uuid} <Backup: data [\\da-f]{8}>$`, 'mu'));
    expect(stderr).toMatch(/^Job duration: \d+(?:\.\d+)?s$/mu);
    expect(exit).toBe(0);
  });
});

describe('a command of a plugin', () => {
  beforeEach(async () => {
    await example('command-plugin.ts');
    await configure('plugins: [./command-plugin.ts]\n');
    await home.run(['backup', 'data']);
  });

  it('runs like one of Cairn', async () => {
    const { exit, stdout } = await home.run(['ages', 'data', 'other', '--json']);
    expect(exit).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject([{ name: 'data' }]);
  });

  it('fails with a code of its own', async () => {
    const ended = await home.run(['--json', 'ages', '--max', '0']);
    expect(ended.exit).toBe(38);
    expect(errorOf(ended)).toMatchObject({
      code: 'PLUGIN_FAILED',
      message: expect.stringContaining('older than 0 hours: data') as unknown,
    });
  });

  it('is among the others in the help', async () => {
    const { stdout } = await home.run(['--help']);
    expect(stdout).toMatch(/^Commands of plugins:\n {2}ages \[options\] \[names\.\.\.\] +show how old/mu);
    expect((await home.run(['help', 'ages'])).stdout).toContain('cairn ages --max 26');
  });

  it('is not there without the configuration', async () => {
    await configure('{}\n');
    expect((await home.run(['ages'])).exit).toBe(2);
  });
});

it('a plugin cannot take the place of a command of Cairn', async () => {
  const command = "{ name: 'list', summary: 'x', run: () => console.log('stolen') }";
  await plugin('thief.mjs', `export default { name: 'thief', activate: (c) => c.registerCommand(${command}) };`);
  await configure('plugins: [./thief.mjs]\n');
  await home.run(['backup', 'data']);
  const { stdout, stderr } = await home.run(['list']);
  expect(stdout).toContain('data');
  expect(stderr).toContain('the plugin thief failed to activate: cannot register it');
});

it('a source of a plugin is backed up by its type and target, and reports what is wrong with it', async () => {
  await example('project-plugin.ts');
  await configure("plugins: [{ use: ./project-plugin.ts, options: { exclude: ['*.log'] } }]\n");
  await home.folder('data', 'node_modules');
  await writeFile(home.file('data', 'node_modules', 'x'), 'x');
  await writeFile(home.file('data', 'b.log'), 'x');
  const refused = await home.run(['backup', 'project:./data']);
  expect(refused.exit).toBe(38);
  expect(refused.stderr).toContain('./data has no lock file');
  await writeFile(home.file('data', 'package-lock.json'), '{}');
  const saved = await home.run(['backup', 'project:./data']);
  expect(saved.exit).toBe(0);
  expect(saved.stderr).toContain('saved data@');
  const { stdout } = await home.run(['ls', 'latest']);
  expect(stdout.match(/[^/\n]+$/gmu)).toEqual(expect.arrayContaining(['a.txt', 'package-lock.json']));
  expect(stdout).not.toMatch(/node_modules|b\.log/u);
});

it('a source of a plugin has a name in the configuration', async () => {
  await example('project-plugin.ts');
  await writeFile(home.file('data', 'package-lock.json'), '{}');
  await configure(
    'plugins: [./project-plugin.ts]\nsources: { app: { type: plugin, of: project, options: { target: ./data } } }\n',
  );
  const { exit, stderr } = await home.run(['backup', 'app']);
  expect(stderr).toContain('saved app@');
  expect(exit).toBe(0);
});

it('a plugin that hangs is given up after its limit, and the backup is made', async () => {
  const text =
    "export default { name: 'stuck', activate: ({ on }) => on('backup.before', () => new Promise(() => {})) };";
  await plugin('stuck.mjs', text);
  await configure('plugins: [{ use: ./stuck.mjs, timeout: 1s }]\n');
  const { exit, stderr } = await home.run(['backup', 'data']);
  expect(exit).toBe(0);
  expect(stderr).toContain('the plugin stuck failed in a listener (backup.before): it was given up after 1 s');
});

describe('a plugin that fails', () => {
  beforeEach(() => plugin('bad.mjs', "export default { name: 'bad', activate() { throw new Error('no licence'); } };"));

  it('is named, and the backup is made', async () => {
    await configure('plugins: [./bad.mjs, ./none.mjs]\n');
    const { exit, stderr } = await home.run(['backup', 'data']);
    expect(exit).toBe(0);
    expect(stderr).toContain('warning: the plugin bad failed to activate: no licence');
    expect(stderr).toContain('none.mjs was not found');
  });

  it('is among what the doctor finds', async () => {
    await example('timer-plugin.ts');
    await configure('plugins: [./timer-plugin.ts, ./bad.mjs]\n');
    const { stdout } = await home.run(['doctor', '--json']);
    const { diagnoses } = JSON.parse(stdout) as { diagnoses: { subject: string; status: string; message: string }[] };
    expect(
      diagnoses.filter(({ subject }) => subject === 'plugin').map(({ status, message }) => `${status} ${message}`),
    ).toEqual(['ok timer is active', 'warning the plugin bad failed to activate: no licence']);
  });

  it('stops the backup where it is required', async () => {
    await configure('plugins: [{ use: ./bad.mjs, required: true }]\n');
    const ended = await home.run(['--json', 'backup', 'data']);
    expect(ended.exit).toBe(38);
    expect(errorOf(ended)).toMatchObject({ code: 'PLUGIN_FAILED' });
    expect(existsSync(home.vault)).toBe(false);
  });

  it('keeps nobody from reading the help', async () => {
    await configure('plugins: [{ use: ./bad.mjs, required: true }]\n');
    const { exit, stdout, stderr } = await home.run(['--help']);
    expect(exit).toBe(0);
    expect(stdout).toContain('Everyday:');
    expect(stderr).toContain('the plugin bad failed to activate');
  });
});

it('plugins are found in their folder and among the packages of the project, and deactivated in the reverse order', async () => {
  const text = (name: string): string => `
    import { appendFileSync } from 'node:fs';
    const note = (text) => appendFileSync(${JSON.stringify(home.file('notes'))}, text + ' ');
    export const plugin = { name: '${name}', activate: () => note('+${name}'), deactivate: () => note('-${name}') };`;
  await plugin('.config/cairn/plugins/one.mjs', text('one'));
  await plugin('node_modules/cairn-two/package.json', '{"name":"cairn-two","type":"module","exports":"./main.js"}');
  await plugin('node_modules/cairn-two/main.js', text('two'));
  await configure('plugins: [one, cairn-two]\n');
  await home.run(['backup', 'data']);
  expect(await readFile(home.file('notes'), 'utf8')).toBe('+one +two -two -one ');
});

describe('hooks', () => {
  it('run around a backup and know its session and its id', async () => {
    await configure(
      [
        'hooks:',
        "  backup.before: ['echo $CAIRN_SESSION_ID > session']",
        "  backup.done: ['test $CAIRN_SESSION_ID = $(cat session) && cat > event']",
      ].join('\n'),
    );
    const { exit, stderr } = await home.run(['backup', 'data']);
    expect(exit).toBe(0);
    expect(stderr).not.toContain('warning');
    const event = JSON.parse(await readFile(home.file('event'), 'utf8')) as { result: { name: string } };
    expect(event.result.name).toBe('data');
  });

  it('before a backup may make what is saved', async () => {
    await configure(
      "hooks: { backup.before: ['sleep 0.3; mkdir -p made data/late; echo x > data/late/dump.sql; echo x > made/a'] }\n",
    );
    const { exit } = await home.run(['backup', 'data', 'made']);
    expect(exit).toBe(0);
    const { stdout } = await home.run(['ls', 'latest']);
    expect(stdout).toContain('data/late/dump.sql');
    expect(stdout).toContain('made/a');
  });

  it('of a plan run for what that plan does, after those for all', async () => {
    await configure(
      [
        'vaults: { here: { url: ./vault, password: { env: VAULT_PASSWORD } } }',
        'sources: { docs: { type: files, paths: [./data] } }',
        "plans: { nightly: { sources: [docs], vault: here, hooks: { backup.before: ['echo plan $CAIRN_BACKUP_NAME'] } } }",
        "hooks: { backup.before: ['echo all'] }",
        '',
      ].join('\n'),
    );
    const env = { VAULT_PASSWORD: 'a password of a test' };
    await home.run(['--vault', 'here', 'init'], { env });
    const planned = await home.run(['backup', 'nightly'], { env });
    expect(planned.stderr).toMatch(/hook backup\.before: all\nhook backup\.before: plan docs\n/u);
    const alone = await home.run(['--vault', 'here', 'backup', 'docs'], { env });
    expect(alone.stderr).toContain('hook backup.before: all');
    expect(alone.stderr).not.toContain('plan docs');
  });

  it('that fail before a backup keep it from beginning', async () => {
    await configure("hooks: { backup.before: ['echo no disk >&2; exit 1'] }\n");
    const { exit, stderr } = await home.run(['backup', 'data']);
    expect(exit).toBe(37);
    expect(stderr).toContain('hook backup.before: no disk');
    expect((await home.run(['list'])).stdout).toContain('no backups');
  });

  it('cannot be known where the configuration is not in order: nothing is changed then, and all can be read', async () => {
    await home.run(['backup', 'data']);
    await configure('hook: {}\n');
    expect((await home.run(['--vault', home.vault, 'backup', 'data'])).exit).toBe(2);
    const env = { CAIRN_PASSWORD_FILE: home.key };
    const { exit, stdout, stderr } = await home.run(['--vault', home.vault, 'list'], { env });
    expect(exit).toBe(0);
    expect(stdout).toContain('1 backup');
    expect(stderr).toContain('without plugins and hooks');
  });

  it('of an event that there is not are refused', async () => {
    await configure("hooks: { backups.before: ['true'] }\n");
    const { exit, stderr } = await home.run(['backup', 'data']);
    expect(exit).toBe(2);
    expect(stderr).toContain('there is no event "backups.before"');
  });
});

function pagerYaml(plugins: string): string {
  return [
    `plugins: [${plugins}]`,
    'notifications: { pager: { type: plugin, of: pager, options: { file: pages } } }',
    'sources: { docs: { type: files, paths: [./data] } }',
    'vaults: { here: { url: ./vault, password: { env: VAULT_PASSWORD } } }',
    'plans: { nightly: { sources: [docs], vault: here, notifications: [pager] } }',
    '',
  ].join('\n');
}

describe('a notifier of a plugin', () => {
  const env = { VAULT_PASSWORD: 'a password of a test' };

  beforeEach(async () => {
    await plugin(
      'pager.mjs',
      `import { appendFile } from 'node:fs/promises';
      const line = ({ status, summary }) => status + ' ' + summary + '\\n';
      export default {
        name: 'pager',
        activate: (c) => c.registerNotifier('pager', ({ file }) => ({
          deliver: (message) => appendFile(file, (message.outcomes ?? [message.outcome]).map(line).join('')),
        })),
      };`,
    );
    await configure(pagerYaml('./pager.mjs'));
    await home.run(['--vault', 'here', 'init'], { env });
  });

  it('tells how a plan went', async () => {
    const { exit, stderr } = await home.run(['backup', 'nightly'], { env });
    expect(stderr).not.toContain('warning');
    expect(exit).toBe(0);
    expect(await readFile(home.file('pages'), 'utf8')).toMatch(/^ok /u);
  });

  it('whose plugin failed is a message that did not arrive, and the backup is made', async () => {
    await configure(pagerYaml('./none.mjs'));
    const { exit, stderr } = await home.run(['backup', 'nightly'], { env });
    expect(stderr).toContain('no plugin has registered notifiers of type pager');
    expect(exit).toBe(0);
  });
});
