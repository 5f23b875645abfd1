import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SourceDirectory } from '../../src/archiver/source.ts';
import { openFilesSource } from '../../src/sources/files/files-source.ts';
import type { FilesSourceOptions } from '../../src/sources/files/files-source.ts';
import { makeTheirs } from '../support/interop.ts';
import { RESTIC_PASSWORD } from '../support/restic.ts';

// What a backup takes and leaves out, compared to the real restic on the same tree and options.

const hasRestic = spawnSync('restic', ['version']).status === 0;
const env = { ...process.env, RESTIC_PASSWORD, MYDIR: 'src' };

let base: string;
let data: string;

const files = [
  'a.txt',
  'a.tmp',
  'A.TMP',
  '!bang',
  '[x]',
  'back\\slash',
  'ünïcode.txt',
  'src/main.go',
  'src/main.c',
  'src/vendor/lib.c',
  'src/deep/er/vendor/lib.go',
  'src/deep/er/still/x.c',
  'important/x.log',
  'important/deep/y.log',
  'other/x.log',
  'node_modules/pkg/index.js',
  'pkg/node_modules/index.js',
  'cache/CACHEDIR.TAG',
  'cache/data/blob',
  'nobackup/.nobackup',
  'nobackup/keep',
];

beforeAll(async () => {
  base = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'cairn-excludes-')));
  data = path.join(base, 'data');
  for (const file of files) {
    fs.mkdirSync(path.dirname(path.join(data, file)), { recursive: true });
    fs.writeFileSync(
      path.join(data, file),
      file.endsWith('.TAG') ? 'Signature: 8a477f597d28d172789f06886806bc55' : file,
    );
  }
  fs.writeFileSync(path.join(data, 'large'), Buffer.alloc(3000));
  fs.symlinkSync('src', path.join(data, 'link'));
  if (hasRestic) await makeTheirs('restic', path.join(base, 'repo'));
});
afterAll(() => fs.rmSync(base, { recursive: true, force: true }));

/** Paths that restic puts into a snapshot. */
function resticTakes(args: readonly string[], cwd: string): string[] {
  const repository = ['-r', path.join(base, 'repo')];
  execFileSync('restic', ['backup', ...repository, '--force', ...args], {
    env,
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const listed = execFileSync('restic', ['ls', ...repository, '--json', 'latest'], { env, encoding: 'utf8' });
  return listed
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line))
    .flatMap((value) => (value !== null && typeof value === 'object' && 'path' in value ? [String(value.path)] : []))
    .sort();
}

async function weTake(options: FilesSourceOptions): Promise<string[]> {
  const source = await openFilesSource({ env, ...options });
  const found: string[] = [];
  const visit = (directory: SourceDirectory, prefix: string): void => {
    for (const entry of directory.list(() => {})) {
      const full = `${prefix}/${Buffer.from(entry.key, 'latin1').toString()}`;
      const tooLarge = source.maxFileSize !== undefined && entry.kind === 'leaf';
      if (tooLarge && fs.lstatSync(full, { bigint: true }).size > (source.maxFileSize ?? 0n)) continue;
      found.push(full);
      if (entry.kind === 'directory') visit(entry.directory, full);
    }
  };
  visit(source.root, '');
  return found.sort();
}

const patternLists: readonly (readonly string[])[] = [
  ['*.tmp'],
  ['src'],
  ['vendor'],
  ['src/*.c'],
  ['src/**/vendor'],
  ['src/**/*.c'],
  ['**/vendor/**'],
  ['er/vendor', 'main.?'],
  ['./a.txt', 'src//main.go/'],
  ['*.log', '!important'],
  ['*.log', '!important/x.log'],
  ['!important', '*.log'],
  ['deep', '!deep/er'],
  ['\\!bang', '\\[x\\]', 'back\\\\slash'],
  ['[!b]*'],
  ['[^a-z]*'],
  ['?n?code.txt'],
  ['link'],
  ['*'],
  ['**'],
  ['*', '!src', '!main.*'],
];

describe.runIf(hasRestic)('excludes compared to restic', () => {
  it.each(patternLists.map((list) => [list] as const))('patterns %j', async (list) => {
    const args = list.flatMap((pattern) => ['--exclude', pattern]);
    // restic 0.14 lets a pattern empty a target as well; the walk from the directory above shows the rest.
    const expected = resticTakes([...args, base], base).filter((name) => isData(name));
    const ours = await weTake({ targets: [base], exclude: list });
    expect(ours.filter((name) => isData(name))).toEqual(expected);
  });

  it('anchored patterns', async () => {
    const list = [`${data}/src/*`, `!${data}/src/deep`, `${data}/**/index.js`, '/nothing'];
    const args = list.flatMap((pattern) => ['--exclude', pattern]);
    expect(await weTake({ targets: [data], exclude: list })).toEqual(resticTakes([...args, data], base));
  });

  it('patterns without case', async () => {
    const args = ['--iexclude', '*.tmp', '--iexclude', 'SRC/Deep', '--iexclude', 'ÜNÏ*'];
    const iexclude = ['*.tmp', 'SRC/Deep', 'ÜNÏ*'];
    expect(await weTake({ targets: [data], iexclude })).toEqual(resticTakes([...args, data], base));
  });

  it('files of patterns with comments and variables', async () => {
    const list = path.join(base, 'patterns');
    fs.writeFileSync(list, '# comment\n  *.tmp  \n\n$MYDIR/vendor\n${MYDIR}/deep\n$$x\n$UNSET*.js\n');
    const expected = resticTakes(['--exclude-file', list, data], base);
    expect(await weTake({ targets: [data], excludeFiles: [list] })).toEqual(expected);
  });

  it('tagged directories', async () => {
    const args = ['--exclude-caches', '--exclude-if-present', '.nobackup', '--exclude-if-present', 'a.txt:wrong'];
    const options = { excludeCaches: true, excludeIfPresent: ['.nobackup', 'a.txt:wrong'] };
    expect(await weTake({ targets: [data], ...options })).toEqual(resticTakes([...args, data], base));
  });

  it('large files', async () => {
    const expected = resticTakes(['--exclude-larger-than', '2k', data], base);
    expect(await weTake({ targets: [data], excludeLargerThan: '2k' })).toEqual(expected);
  });

  it('lists of targets', async () => {
    const list = path.join(base, 'list');
    fs.writeFileSync(list, `# comment\n${data}/src/*.c\n${data}/[ab].t?t\n`);
    const raw = path.join(base, 'raw');
    fs.writeFileSync(raw, `${data}/important\0${data}/link\0`);
    const verbatim = path.join(base, 'verbatim');
    fs.writeFileSync(verbatim, `${data}/[x]\n`);
    const args = ['--files-from', list, '--files-from-raw', raw, '--files-from-verbatim', verbatim];
    const options = { filesFrom: [list], filesFromRaw: [raw], filesFromVerbatim: [verbatim] };
    expect(await weTake(options)).toEqual(resticTakes(args, base));
  });
});

function isData(name: string): boolean {
  return name === data || name.startsWith(`${data}/`);
}
