import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPosix } from '../../base/posix/open-posix.ts';
import { EntryType } from '../../base/posix/posix.ts';
import type { Posix } from '../../base/posix/posix.ts';
import type { Source, SourceDirectory, SourceProblem } from '../../archiver/source.ts';
import { openFilesSource } from './files-source.ts';
import type { FilesSourceOptions } from './files-source.ts';
import { scanSource } from './scan-source.ts';

let root: string;
beforeEach(() => {
  root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'cairn-files-')));
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

/** Makes files below the temporary directory; a name that ends with `/` is a directory. */
function make(files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    const full = path.join(root, name);
    fs.mkdirSync(name.endsWith('/') ? full : path.dirname(full), { recursive: true });
    if (!name.endsWith('/')) fs.writeFileSync(full, content);
  }
}

/** Every entry of a source below `root`, as paths relative to it; directories end with a slash. Latin-1 held. */
function walk(source: Source, report: (problem: SourceProblem) => void = () => {}): string[] {
  const found: string[] = [];
  const visit = (directory: SourceDirectory, prefix: string): void => {
    for (const entry of directory.list(report)) {
      const full = `${prefix}/${entry.key}`;
      found.push(entry.kind === 'directory' ? `${full}/` : full);
      if (entry.kind === 'directory') visit(entry.directory, full);
    }
  };
  visit(source.root, '');
  const below = `${root}/`;
  return found.filter((name) => name.startsWith(below) && name !== below).map((name) => name.slice(below.length));
}

const open = (options: FilesSourceOptions): Promise<Source> =>
  openFilesSource({ targets: [root], cwd: root, ...options });
const taken = async (options: FilesSourceOptions): Promise<string[]> => walk(await open(options));

describe('targets', () => {
  it('mirror absolute paths, with only the named child in the directories above', async () => {
    make({ 'a/b/file': '', 'a/other': '', 'c/x': '' });
    const source = await open({ targets: ['a/b', 'c/x'] });
    expect(walk(source)).toEqual(['a/', 'a/b/', 'a/b/file', 'c/', 'c/x']);
    expect(source.paths).toEqual([`${root}/a/b`, `${root}/c/x`]);
    const tops = source.root.list(() => {}).map((entry) => entry.key);
    expect(tops).toEqual([root.split('/')[1]]);
  });

  it('may lie inside each other', async () => {
    make({ 'a/b/file': '', 'a/other': '' });
    expect(await taken({ targets: ['a/b', 'a'] })).toEqual(['a/', 'a/b/', 'a/b/file', 'a/other']);
  });

  it('are kept although a pattern excludes them', async () => {
    make({ 'a/skip/keep/file': '', 'a/skip/gone': '' });
    expect(await taken({ targets: ['a', 'a/skip/keep'], exclude: ['skip'] })).toEqual([
      'a/',
      'a/skip/',
      'a/skip/keep/',
      'a/skip/keep/file',
    ]);
  });

  it('that are missing are told as long as another one exists', async () => {
    make({ here: '' });
    const problems: SourceProblem[] = [];
    const source = await open({ targets: ['gone', 'here'] });
    expect(walk(source, (problem) => problems.push(problem))).toEqual(['here']);
    expect(source.paths).toEqual([`${root}/here`]);
    expect(problems.map(({ code, during, path: at }) => [code, during, Buffer.from(at).toString()])).toEqual([
      ['SOURCE_MISSING', 'stat', `${root}/gone`],
    ]);
  });

  it('are not the current directory where one is empty, as an unset variable of a script leaves it', async () => {
    make({ file: '' });
    await expect(open({ targets: [''] })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
    await expect(open({ targets: ['file', ''] })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  });

  it('that are all missing fail', async () => {
    await expect(open({ targets: ['gone', 'away'] })).rejects.toMatchObject({
      code: 'SOURCE_MISSING',
      facts: { paths: [`${root}/gone`, `${root}/away`] },
    });
    await expect(open({ targets: [] })).rejects.toMatchObject({ code: 'SOURCE_EMPTY' });
  });

  it('behind a symlink are reached, and the way to them is a directory', async () => {
    make({ 'real/file': '' });
    fs.symlinkSync('real', path.join(root, 'link'));
    const source = await open({ targets: ['link/file'] });
    expect(walk(source)).toEqual(['link/', 'link/file']);
    let directory: SourceDirectory = source.root;
    for (const _ of `${root}/link`.split('/').slice(1)) {
      const [entry] = directory.list(() => {});
      if (entry?.kind === 'directory') ({ directory } = entry);
    }
    expect(Buffer.from(directory.path!).toString()).toBe(`${root}/real`);
  });

  it('that are symlinks stay symlinks', async () => {
    make({ 'real/file': '' });
    fs.symlinkSync('real', path.join(root, 'link'));
    expect(await taken({ targets: ['link'] })).toEqual(['link']);
  });

  it('may be the whole file system', async () => {
    const source = await open({ targets: ['/'] });
    expect(Buffer.from(source.root.path!).toString()).toBe('/');
    expect(source.root.list(() => {}).length).toBe(fs.readdirSync('/').length);
  });
});

describe.each([openPosix({ prefer: 'native' }), openPosix({ prefer: 'portable' })])('listing ($kind)', (posix) => {
  it('is in the order of the bytes, whatever they are', async () => {
    const names = [[0xff], [0x61, 0x0a], [0xf0, 0x9f, 0x98, 0x80], [0xef, 0xbf, 0xbd], [0x61], [0x80], [0x22, 0x5c]];
    for (const name of names) fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name)]), '');
    const expected = names
      .map((name) => Buffer.from(name))
      .sort((a, b) => Buffer.compare(a, b))
      .map((name) => name.toString('latin1'));
    expect(await taken({ posix })).toEqual(expected);
  });

  it('reports a directory that vanished', async () => {
    make({ 'd/x': '' });
    const problems: SourceProblem[] = [];
    const source = await open({ targets: ['d'], posix });
    let directory: SourceDirectory = source.root;
    for (const _ of `${root}/d`.split('/').slice(1)) {
      const [entry] = directory.list(() => {});
      if (entry?.kind === 'directory') ({ directory } = entry);
    }
    fs.rmSync(path.join(root, 'd'), { recursive: true });
    expect(directory.list((problem) => problems.push(problem))).toEqual([]);
    expect(problems).toMatchObject([{ code: 'SOURCE_MISSING', during: 'list' }]);
  });
});

it('looks at entries whose type the file system does not tell', async () => {
  make({ 'd/f': '', f: '' });
  fs.symlinkSync('d', path.join(root, 'l'));
  const real = openPosix();
  const posix: Posix = {
    ...real,
    readDirectoryLatin1: (fd, visit) => real.readDirectoryLatin1(fd, (name) => visit(name, EntryType.unknown)),
  };
  expect(await taken({ posix })).toEqual(['d/', 'd/f', 'f', 'l']);
});

/** Number of entries that a backup takes of /proc, which is another file system than /. */
async function entriesInProc(targets: readonly string[], oneFileSystem: boolean): Promise<number | undefined> {
  const source = await open({ targets, oneFileSystem });
  const proc = source.root.list(() => {}).find((entry) => entry.key === 'proc');
  return proc?.kind === 'directory' ? proc.directory.list(() => {}).length : undefined;
}

describe('exclusion', () => {
  it('takes patterns and files of patterns together', async () => {
    make({
      'a.tmp': '',
      'b.log': '',
      'keep.txt': '',
      'IMG.JPG': '',
      'env-dir/x': '',
      patterns: '# c\n*.log\n$WHICH\n',
    });
    const source = await open({
      exclude: ['*.tmp'],
      iexclude: ['*.jpg'],
      excludeFiles: [path.join(root, 'patterns')],
      env: { WHICH: 'env-dir' },
    });
    expect(walk(source)).toEqual(['keep.txt', 'patterns']);
    expect(source.excludes).toEqual(['*.tmp', '*.log', 'env-dir', '*.jpg']);
  });

  it('keeps of a tagged directory only the tag', async () => {
    const signature = 'Signature: 8a477f597d28d172789f06886806bc55\n';
    make({
      'cache/CACHEDIR.TAG': signature,
      'cache/sub/x': '',
      'cache/y': '',
      'fake/CACHEDIR.TAG': 'Signature: no',
      'fake/y': '',
      'nobackup/.nobackup': '',
      'nobackup/z': '',
      'other/.nobackup': '',
    });
    const expected = ['cache/', 'cache/CACHEDIR.TAG', 'fake/', 'fake/CACHEDIR.TAG', 'fake/y'];
    expect(await taken({ excludeCaches: true, excludeIfPresent: ['.nobackup'] })).toEqual([
      ...expected,
      'nobackup/',
      'nobackup/.nobackup',
      'other/',
      'other/.nobackup',
    ]);
  });

  it('needs the right header when one is given', async () => {
    make({ 'a/tag': 'STOP now', 'a/x': '', 'b/tag': 'go', 'b/x': '' });
    expect(await taken({ excludeIfPresent: ['tag:STOP'] })).toEqual(['a/', 'a/tag', 'b/', 'b/tag', 'b/x']);
  });

  it('passes the size limit on', async () => {
    expect((await open({ excludeLargerThan: '10M' })).maxFileSize).toBe(10_485_760n);
  });

  it('leaves the vault out, also when it is reached through a symlink', async () => {
    make({ 'data/in/vault/config': '', 'data/in/x': '' });
    fs.symlinkSync('data', path.join(root, 'link'));
    const excludePaths = [Buffer.from(`${root}/data/in/vault`)];
    expect(await taken({ targets: ['data'], excludePaths })).toEqual(['data/', 'data/in/', 'data/in/x']);
    expect(await taken({ targets: ['link/in'], excludePaths })).toEqual(['link/', 'link/in/', 'link/in/x']);
    await expect(open({ targets: ['data/in/vault'], excludePaths })).rejects.toMatchObject({ code: 'SOURCE_EMPTY' });
  });

  it('keeps the mount point of another file system, but does not enter it unless it is a target', async (context) => {
    if (fs.statSync('/proc').dev === fs.statSync('/').dev) context.skip('/proc is not mounted here');
    expect(await entriesInProc(['/'], true)).toBe(0);
    expect(await entriesInProc(['/', '/proc'], true)).toBeGreaterThan(0);
    expect(await entriesInProc(['/'], false)).toBeGreaterThan(0);
  });
});

describe('lists of targets', () => {
  it('take patterns, verbatim lines and raw names', async () => {
    make({ 'one.txt': '', 'two.txt': '', '*': '', 'new\nline': '', '#hash': '', 'dir/deep.md': '' });
    make({ 'lists/p': '*.txt\n# no\ndir/*.md\n', 'lists/v': '#hash\n*\n', 'lists/r': 'new\nline\0' });
    const source = await open({
      targets: [],
      filesFrom: [path.join(root, 'lists/p')],
      filesFromVerbatim: [path.join(root, 'lists/v')],
      filesFromRaw: [path.join(root, 'lists/r')],
    });
    expect(walk(source)).toEqual(['#hash', '*', 'dir/', 'dir/deep.md', 'new\nline', 'one.txt', 'two.txt']);
  });

  it('with NUL in them are refused with the option that takes them', async () => {
    make({ a: '', b: '', list: 'a\0b\0' });
    const list = path.join(root, 'list');
    for (const lists of [{ filesFrom: [list] }, { filesFromVerbatim: [list] }]) {
      const refused = open({ targets: [], ...lists });
      await expect(refused).rejects.toMatchObject({
        code: 'ARGUMENT_INVALID',
        hint: expect.stringContaining('--files-from-raw') as string,
      });
    }
  });

  it('keep a path that cannot be looked at among the targets, where it is told', async () => {
    make({ a: '' });
    fs.writeFileSync(path.join(root, 'list'), `a\n${'x'.repeat(300)}\n`);
    const problems: SourceProblem[] = [];
    walk(await open({ targets: [], filesFrom: [path.join(root, 'list')] }), (problem) => problems.push(problem));
    expect(problems).toMatchObject([{ message: expect.stringContaining('ENAMETOOLONG') as string }]);
  });

  it('match patterns below the current directory, whatever characters its own name has', async () => {
    make({ '[ab]/x.txt': '', 'a/y.txt': '', list: '*.txt\n' });
    const cwd = path.join(root, '[ab]');
    const source = await open({ targets: [], cwd, filesFrom: [path.join(root, 'list')] });
    expect(source.paths).toEqual([path.join(cwd, 'x.txt')]);
  });

  it('report a pattern that matches nothing', async () => {
    make({ x: '', list: 'x\n*.nothing\n' });
    const problems: SourceProblem[] = [];
    walk(await open({ targets: [], filesFrom: [path.join(root, 'list')] }), (problem) => problems.push(problem));
    expect(problems.map((problem) => Buffer.from(problem.path).toString())).toEqual([`${root}/*.nothing`]);
  });
});

const gitFiles: Readonly<Record<string, string>> = {
  '.gitignore':
    '# comment\n*.log\n!important.log\n/anchored\nbuild/\nsub/only\n**/deep/x\na/**/z\n\\#hash\n\\!bang\ntrail\\ \nspace   \n?.q\n[ab]c\nvoilà\nfoo/**\ncase\n!.keep\n',
  'sub/.gitignore': '!debug.log\n*.md\n/local\n',
  'x.log': '',
  'important.log': '',
  anchored: '',
  'sub/anchored': '',
  'build/out': '',
  'sub/build/out': '',
  'other/build': '',
  'sub/only': '',
  'sub/sub/only': '',
  'q/deep/x': '',
  'a/z': '',
  'a/b/c/z': '',
  '#hash': '',
  '!bang': '',
  'trail ': '',
  space: '',
  '1.q': '',
  'é.q': '',
  '12.q': '',
  ac: '',
  cc: '',
  voilà: '',
  'foo/in/file': '',
  CASE: '',
  case: '',
  'sub/debug.log': '',
  'sub/x.log': '',
  'sub/readme.md': '',
  'readme.md': '',
  'sub/local': '',
  'sub/q/local': '',
};

describe('gitignore', () => {
  it('B24: decides about every file as git does', async (context) => {
    const { HOME: _home, ...rest } = process.env;
    const env = { ...rest, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null', HOME: root };
    if (spawnSync('git', ['init', '-q', root], { env }).status !== 0) context.skip('no git here');
    make(gitFiles);
    fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff]), Buffer.from('.log')]), '');
    const listed = execFileSync('git', ['-C', root, 'ls-files', '-z', '--others', '--exclude-standard'], { env });
    const expected = listed.toString('latin1').split('\0').filter(Boolean);
    const files = (await taken({ useGitignore: true })).filter(
      (name) => !name.endsWith('/') && !name.startsWith('.git/'),
    );
    expect(files.sort()).toEqual(expected.sort());
    expect(files.length).toBeGreaterThan(10);
  });

  it('is honoured only when asked, .cairnignore always and with the last word', async () => {
    make({ '.gitignore': '*.a\n', '.cairnignore': '*.b\n!k.a\n', 'x.a': '', 'k.a': '', 'x.b': '', 'x.c': '' });
    expect(await taken({})).toEqual(['.cairnignore', '.gitignore', 'k.a', 'x.a', 'x.c']);
    expect(await taken({ useGitignore: true })).toEqual(['.cairnignore', '.gitignore', 'k.a', 'x.c']);
  });

  it('B22: honours .bakthatexclude too, and .cairnignore has the last word; .gitignore only when asked', async () => {
    make({
      '.bakthatexclude': '*.a\n',
      '.cairnignore': '!k.a\n',
      '.gitignore': '*.c\n',
      'x.a': '',
      'k.a': '',
      'x.c': '',
    });
    expect(await taken({})).toEqual(['.bakthatexclude', '.cairnignore', '.gitignore', 'k.a', 'x.c']);
  });

  it('B22: leaves out what an exclude file says beside what ignore files say', async () => {
    make({ '.bakthatexclude': '*.a\n', 'x.a': '', 'x.b': '', 'x.c': '' });
    const list = path.join(os.tmpdir(), `cairn-excludes-${process.pid}`);
    fs.writeFileSync(list, '*.b\n');
    try {
      expect(await taken({ excludeFiles: [list] })).toEqual(['.bakthatexclude', 'x.c']);
    } finally {
      fs.rmSync(list);
    }
  });

  it('B23: an exclude file that is named and missing is an error, and one call says nothing to the next', async () => {
    make({ 'x.a': '' });
    await expect(taken({ excludeFiles: ['/nowhere/excludes'] })).rejects.toMatchObject({ code: 'EXCLUDE_INVALID' });
    expect(await taken({})).toEqual(['x.a']);
  });

  it('takes other names of ignore files', async () => {
    make({ '.bakthatexclude': 'x\n', x: '', '.cairnignore': 'y\n', y: '' });
    expect(await taken({ ignoreFiles: ['.bakthatexclude'] })).toEqual(['.bakthatexclude', '.cairnignore', 'y']);
  });
});

describe('scanSource', () => {
  it('counts what a backup will read', async () => {
    make({ 'd/a': '12345', 'd/big': 'x'.repeat(2000), b: '1', 'skip.tmp': '1' });
    fs.symlinkSync('b', path.join(root, 'link'));
    const source = await open({ exclude: ['*.tmp'], excludeLargerThan: '1k' });
    const depth = root.split('/').length - 1;
    expect(await scanSource(source)).toEqual({ files: 3, directories: depth + 1, bytes: 6 });
  });

  it('stops on abort with the reason', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(scanSource(await open({}), { signal })).rejects.toThrow('enough');
  });
});
