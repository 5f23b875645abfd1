import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../../base/bytes.ts';
import type { TarEntry } from '../../formats/tar/tar-entry.ts';
import { encodeTarHeader, TAR_END, tarPadding } from '../../formats/tar/tar-header.ts';
import { TarReader } from '../../formats/tar/tar-reader.ts';
import { openTarget } from '../../restorer/target/target.ts';
import type { ExtractOptions } from './extract-options.ts';
import { TreeWriter } from './tree-writer.ts';

let scratch: string;
let target: string;
beforeEach(() => {
  scratch = fs.mkdtempSync(join(tmpdir(), 'cairn-extract-'));
  target = join(scratch, 'target');
});
afterEach(() => fs.rmSync(scratch, { recursive: true, force: true }));

const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

function entry(kind: TarEntry['kind'], name: string, parts: Partial<TarEntry> = {}, content = ''): Uint8Array {
  const header = encodeTarHeader({
    kind,
    name: Buffer.from(name, 'latin1'),
    linkName: new Uint8Array(),
    sizeBytes: BigInt(content.length),
    mode: kind === 'dir' ? 0o755 : 0o640,
    ...owner,
    user: '',
    group: '',
    mtimeNs: 1_700_000_000_000_000_000n,
    device: 0n,
    xattrs: [],
    ...parts,
  });
  return concatBytes([header, utf8(content), new Uint8Array(tarPadding(content.length))]);
}

const file = (name: string, content: string, parts: Partial<TarEntry> = {}): Uint8Array =>
  entry('file', name, parts, content);
const link = (kind: 'symlink' | 'hardlink', name: string, to: string): Uint8Array =>
  entry(kind, name, { linkName: utf8(to) });

function extract(stream: readonly Uint8Array[], options: Partial<ExtractOptions> = {}): TreeWriter {
  const opened = openTarget(target, undefined, false);
  try {
    using writer = new TreeWriter({ target: opened, overwrite: 'always', dryRun: false, sparse: false, ...options });
    const reader = new TarReader(writer);
    reader.push(concatBytes([...stream, TAR_END]));
    writer.finish();
    return writer;
  } finally {
    opened.close();
  }
}

const namesBelow = (folder: string): string[] => fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
const read = (path: string): string => fs.readFileSync(join(target, path), 'utf8');
const codes = (writer: TreeWriter): string[] => writer.problems.kept.map(({ path, code }) => `${path} ${code}`);

describe('a time that no file system has', () => {
  it.each([2n ** 80n, -(2n ** 80n), 2n ** 64n])('costs the time and not the file: %s ns', (mtimeNs) => {
    const headers = file('kept', 'content', { mtimeNs });
    // As GNU tar writes it, in binary.
    const header = Buffer.from(headers.subarray(headers.length - 1024, headers.length - 512));
    const seconds = BigInt.asUintN(96, mtimeNs / 1_000_000_000n);
    for (let at = 0; at < 12; at++) header[136 + at] = Number((seconds >> BigInt(8 * (11 - at))) & 0xffn);
    header[136] = (header[136] ?? 0) | 0x80;
    header.write(' '.repeat(8), 148, 'latin1');
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    const writer = extract([header, headers.subarray(headers.length - 512)]);
    expect(read('kept')).toBe('content');
    expect(codes(writer)).toEqual(['/kept RESTORE_PARTIAL']);
  });
});

describe('B30: a hostile entry', () => {
  it.each([
    ['an absolute name', file('/etc/cairn-test', 'x'), '/etc/cairn-test'],
    ['a name that leads out', file('../out', 'x'), '../out'],
    ['a name that leads out from within', file('a/../../out', 'x'), 'a/../../out'],
    ['no name', file('', 'x'), ''],
    ['a name that no file system takes', file('n'.repeat(256), 'x'), 'n'.repeat(256)],
  ])('with %s is refused by name, and the rest restored', (_, hostile, path) => {
    const writer = extract([hostile, file('good', 'good')]);
    expect(codes(writer)).toEqual([`${path} NAME_HOSTILE`]);
    expect(read('good')).toBe('good');
    expect(fs.readdirSync(scratch)).toEqual(['target']);
  });

  it('that would be written through a symlink of the archive is refused', () => {
    const out = join(scratch, 'out');
    fs.mkdirSync(out);
    const writer = extract([link('symlink', 'way', out), file('way/inside', 'x'), file('good', 'good')]);
    expect(codes(writer)).toEqual(['/way/inside NAME_HOSTILE']);
    expect(fs.readdirSync(out)).toEqual([]);
    expect(read('good')).toBe('good');
  });

  it('that would turn such a symlink into a folder is refused', () => {
    const writer = extract([link('symlink', 'way', '..'), entry('dir', 'way/'), file('way/inside', 'x')]);
    expect(codes(writer)).toEqual(['/way RESTORE_FAILED', '/way/inside NAME_HOSTILE']);
    expect(fs.readlinkSync(join(target, 'way'))).toBe('..');
  });

  it.each([
    ['by its name', '../secret'],
    ['by an absolute name', '/etc/passwd'],
    ['through a symlink', 'way/secret'],
  ])('that is a hard link out, %s, is refused', (_, to) => {
    fs.writeFileSync(join(scratch, 'secret'), 'secret');
    const writer = extract([link('symlink', 'way', scratch), link('hardlink', 'stolen', to), file('good', 'good')]);
    expect(codes(writer)).toEqual(['/stolen NAME_HOSTILE']);
    expect(fs.readdirSync(target).sort()).toEqual(['good', 'way']);
  });

  it('that is a symlink out is made as it is, and followed by nothing', () => {
    fs.writeFileSync(join(scratch, 'victim'), 'untouched');
    const writer = extract([link('symlink', 'x', '../victim'), file('x', 'new')]);
    expect(writer.problems.count).toBe(0);
    expect(fs.readFileSync(join(scratch, 'victim'), 'utf8')).toBe('untouched');
    expect(read('x')).toBe('new');
  });

  it('that is a device the user may not make is told, and the rest restored', () => {
    const device = entry('dev', 'disk', { device: 0xffffffffn });
    const writer = extract([device, file('good', 'good')]);
    if (process.getuid?.() !== 0) expect(codes(writer)).toEqual(['/disk RESTORE_FAILED']);
    expect(read('good')).toBe('good');
  });
});

describe('a restored tree', () => {
  it('has content, modes, times, links and attributes as they were recorded', () => {
    const writer = extract([
      entry('dir', 'd/', { mode: 0o2750, mtimeNs: 1_600_000_000_123_456_789n }),
      file('d/one', 'content', { mode: 0o604, mtimeNs: 1_500_000_000_000_000_001n }),
      link('hardlink', 'd/two', 'd/one'),
      link('symlink', 'd/link', 'nowhere'),
      entry('fifo', 'd/pipe'),
      file('d/none', ''),
    ]);
    expect(codes(writer)).toEqual([]);
    const one = fs.statSync(join(target, 'd/one'), { bigint: true });
    expect(one).toMatchObject({ mtimeNs: 1_500_000_000_000_000_001n, nlink: 2n, mode: 0o100604n });
    expect(fs.statSync(join(target, 'd/two'), { bigint: true }).ino).toBe(one.ino);
    expect(fs.statSync(join(target, 'd'), { bigint: true }).mtimeNs).toBe(1_600_000_000_123_456_789n);
    expect(fs.statSync(join(target, 'd')).mode & 0o7777).toBe(0o2750);
    expect(fs.readlinkSync(join(target, 'd/link'))).toBe('nowhere');
    expect(fs.statSync(join(target, 'd/pipe')).isFIFO()).toBe(true);
    expect(writer.counts).toMatchObject({ files: 5, directories: 1, bytes: 7 });
  });

  it('keeps names that are not UTF-8', () => {
    extract([file('n\xff', 'x')]);
    expect(fs.readdirSync(target, { encoding: 'buffer' })).toEqual([Buffer.from('n\xff', 'latin1')]);
  });

  it('keeps zeros as holes, up to the size', () => {
    extract([file('zeros', '\0'.repeat(300_000))], { sparse: true });
    const stats = fs.statSync(join(target, 'zeros'));
    expect(stats.size).toBe(300_000);
    expect(stats.blocks).toBeLessThan(100);
  });
});

describe('what exists', () => {
  beforeEach(() => {
    fs.mkdirSync(target);
    fs.writeFileSync(join(target, 'x'), 'old');
    fs.utimesSync(join(target, 'x'), 1, 1_700_000_001);
  });

  it.each([
    ['always', 'new', 0],
    ['if-changed', 'new', 0],
    ['if-newer', 'old', 1],
    ['never', 'old', 1],
  ] as const)('with overwrite %s is then %s', (overwrite, content, skipped) => {
    const writer = extract([file('x', 'new')], { overwrite });
    expect(read('x')).toBe(content);
    expect(writer.counts.skipped).toBe(skipped);
  });

  it('keeps its content when the new one breaks off', () => {
    const opened = openTarget(target, undefined, false);
    using writer = new TreeWriter({ target: opened, overwrite: 'always', dryRun: false, sparse: false });
    new TarReader(writer).push(file('x', 'n'.repeat(2000)).subarray(0, 1000));
    writer.finish();
    opened.close();
    expect(fs.readdirSync(target)).toEqual(['x']);
    expect(read('x')).toBe('old');
  });

  it('and is a folder where a file should go is left, and told', () => {
    fs.mkdirSync(join(target, 'folder'));
    fs.writeFileSync(join(target, 'folder/kept'), 'kept');
    const writer = extract([file('folder', 'new')]);
    expect(codes(writer)).toEqual(['/folder RESTORE_FAILED']);
    expect(fs.readdirSync(target).sort()).toEqual(['folder', 'x']);
  });
});

describe('a part of an archive', () => {
  const stream = [entry('dir', 'a/'), file('a/x', 'x'), entry('dir', 'a/b/'), file('a/b/y', 'y'), file('z', 'z')];

  it('is what is below a path, under its last name', () => {
    extract(stream, { root: ['a', 'b'] });
    expect(namesBelow(target)).toEqual(['b', 'b/y']);
  });

  it('is what is chosen', () => {
    extract(stream, { select: (path) => (Buffer.from(path.at(-1) ?? []).toString() === 'y' ? 'restore' : 'skip') });
    expect(namesBelow(target)).toEqual(['a', 'a/b', 'a/b/y']);
  });

  it('of which nothing is written only counts', () => {
    const writer = extract(stream, { dryRun: true });
    expect(writer.counts).toMatchObject({ files: 3, directories: 2, totalBytes: 3 });
    expect(fs.readdirSync(target)).toEqual([]);
  });
});
