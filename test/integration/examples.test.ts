// Every program in examples/ runs as it stands: here, or in the test of what it shows.
import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';

const folder = fileURLToPath(new URL('../../examples/', import.meta.url));

const printing = [
  ['configuration-in-code.ts', ['saved dir in main', 'saved dir in offsite', 'restored 1 files', 'rotated 0 away']],
  ['guard-a-change.ts', [/^the change failed/u, '{"version": 1}', /^app held/u]],
  ['helper.ts', ['/mybackup/myfile.txt', '/mybackup/year.txt', 'not saved: the dump failed', 'backups: 1']],
] as const;

const runElsewhere = {
  'test/e2e/plugins.test.ts': ['command-plugin.ts', 'project-plugin.ts', 'timer-plugin.ts'],
  'test/integration/application-examples.test.ts': ['fastify/backups.ts', 'hono/backups.ts'],
  'test/integration/helper-examples.test.ts': [
    'helper-as-class.ts',
    'mongodb-script.ts',
    'mysql-script.ts',
    'postgres-script.ts',
  ],
  'test/integration/nest-example.test.ts': [
    'nestjs/backups-module.ts',
    'nestjs/backups-service.ts',
    'nestjs/migrations-service.ts',
  ],
  'test/integration/values.test.ts': ['key-value.ts'],
  'test/integration/vault-catalog.test.ts': ['catalog.ts'],
};

let scratch: string;

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-examples-'));
  await mkdir(join(scratch, 'dir'));
  await writeFile(join(scratch, 'dir', 'a.txt'), 'hello\n');
});

afterEach(() => rm(scratch, { recursive: true }));

async function run(name: string, ...args: readonly string[]): Promise<readonly string[]> {
  const env = {
    PATH: process.env['PATH'],
    HOME: scratch,
    TMPDIR: tmpdir(),
    CAIRN_CATALOG: '',
    CAIRN_PASSWORD: 'only for this test',
  };
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, name), ...args], { cwd: scratch, env });
  return stdout.trimEnd().split('\n');
}

it.each(printing)('%s prints what it did', async (name, expected) => {
  expect(await run(name, 'dir')).toEqual(
    expected.map((line) => (typeof line === 'string' ? line : (expect.stringMatching(line) as unknown))),
  );
});

it('events.ts tells of a backup by one session id, and of a veto', async () => {
  const [before, about, done, ...rest] = await run('events.ts');
  const id = /^([\da-f-]{36}) before_backup$/u.exec(before ?? '')?.[1];
  expect(about).toBe('about to save notes.txt');
  expect(done).toBe(`${id} on_backup notes.txt`);
  expect(rest.at(-1)).toBe('backups left: 0');
});

it('backup-and-restore.ts saves and restores, and look-inside.ts prints a file of it', async () => {
  const lines = await run('backup-and-restore.ts', 'vault', 'dir', 'out');
  expect(lines.slice(-2)).toEqual([
    expect.stringMatching(/^complete: [\da-f]{64}, \d+ bytes added$/u),
    `1 files in ${join(scratch, 'out', 'dir')}`,
  ]);
  expect((await run('look-inside.ts', 'vault', 'dir', join(scratch, 'dir', 'a.txt'))).at(-1)).toBe('hello');
});

it.each(Object.entries(runElsewhere))('%s runs the others it is said to run', async (file, names) => {
  const text = await readFile(join(folder, '..', file), 'utf8');
  expect(names.filter((name) => !text.includes(name))).toEqual([]);
});

it('no example is without a test', () => {
  const here = [...printing.map(([name]) => name), 'events.ts', 'backup-and-restore.ts', 'look-inside.ts'];
  // What examples import, and servers that only put one of them behind a port.
  const parts = ['setting.ts', 'hono/server.ts', 'nestjs/server.ts'];
  expect(globSync('**/*.ts', { cwd: folder }).toSorted()).toEqual(
    [...here, ...parts, ...Object.values(runElsewhere).flat()].toSorted(),
  );
});
