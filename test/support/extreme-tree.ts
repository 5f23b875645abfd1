// Sizes and names at the limits of the format: where the chunker cuts, and what Go quotes.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { openPosix } from '../../src/base/posix/open-posix.ts';
import { AT_FDCWD } from '../../src/base/posix/posix.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** The smallest and the largest piece of a file (restic's chunker). */
const MIN = 512 * KIB;
const MAX = 8 * MIB;

/** File sizes around the limits of the chunker, in `root`: noise, and zeros, which cut at every minimum. */
export function makeSizes(root: string): void {
  const noise = randomBytes(MAX + 1);
  for (const size of [0, 1, 63, 64, 65, MIN - 1, MIN, MIN + 1, 2 * MIN, MAX - 1, MAX, MAX + 1]) {
    fs.writeFileSync(join(root, `noise-${size}`), noise.subarray(0, size));
  }
  for (const size of [1, MIN - 1, MIN, MIN + 1, 5 * MIN, 5 * MIN + 1]) {
    fs.writeFileSync(join(root, `zeros-${size}`), Buffer.alloc(size));
  }
  makeSparse(join(root, 'sparse-all'), MAX + 12_345, []);
  makeSparse(join(root, 'sparse-middle'), 2 * MAX, [0, 2 * MAX - 10_000]);
  makeSparse(join(root, 'sparse-ends'), MAX, [3 * MIB]);
}

function makeSparse(path: string, size: number, noiseAt: readonly number[]): void {
  const fd = fs.openSync(path, 'w');
  fs.ftruncateSync(fd, size);
  for (const at of noiseAt) fs.writeSync(fd, randomBytes(10_000), 0, 10_000, at);
  fs.closeSync(fd);
}

/** All are in Unicode for long, so that every restic agrees on which of them print. */
const NAMES: readonly string[] = [
  '<>&"\\',
  "'`$!*?[]{}|;",
  ' leading',
  'trailing ',
  '-rf',
  '\\x41',
  '\\u2028',
  '\\101',
  '\\',
  '"',
  '...',
  '~',
  'line\nbreak',
  'tab\tbell\u0007back\bfeed\fvertical\u000breturn\rescape\u001bdelete\u007f',
  'line\u2028separator',
  'paragraph\u2029separator',
  'nbsp\u00a0',
  'soft\u00adhyphen',
  'bom\ufeff',
  'zwj\u200d',
  'private\ue000',
  'replacement\ufffd',
  'noncharacter\uffff',
  'last\u{10ffff}',
  'emoji\u{1f600}',
  'wide\u3000',
  // One name composed and decomposed: two files here.
  'caf\u00e9',
  'cafe\u0301',
  '\u00c5',
  '\u212b',
  'A\u030a',
  // UTF-16 would sort the first of these behind the second.
  '\u{10000}',
  '\uff5e',
  'x'.repeat(255),
  'é'.repeat(127),
];

/** Bytes that are not UTF-8: alone, cut short, too long, surrogates, beyond the last character. */
const RAW_NAMES: readonly (readonly number[])[] = [
  [0xff],
  [0xfe, 0x41],
  [0x61, 0xc3],
  [0xe2, 0x80],
  [0xf0, 0x9f, 0x98],
  [0xc0, 0xaf],
  [0xe0, 0x80, 0xaf],
  [0xed, 0xa0, 0x80],
  [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf5, 0x80, 0x80, 0x80],
  [0x80, 0x61, 0xbf],
];

/** Names of files, directories and links that need quoting, and every byte that a name may have, alone. */
export function makeNames(root: string): void {
  const under = (folder: string, name: Uint8Array): Buffer => Buffer.concat([Buffer.from(`${root}/${folder}/`), name]);
  const names = [...NAMES.map((name) => Buffer.from(name)), ...RAW_NAMES.map((bytes) => Buffer.from(bytes))];
  for (const folder of ['names', 'folders', 'links', 'bytes']) fs.mkdirSync(join(root, folder));
  for (const name of names) {
    fs.writeFileSync(under('names', name), name);
    fs.mkdirSync(under('folders', name));
    fs.symlinkSync('../names/x', under('links', name));
  }
  for (let byte = 1; byte < 256; byte++) {
    if (byte !== 0x2e && byte !== 0x2f) fs.writeFileSync(under('bytes', Buffer.from([byte])), '');
  }
  // Back space and form feed are left out: Go has written them in two ways.
  const targets = ['<>&"\\', 'line\nbreak\ttab\u0007\u007f', 'separator\u2028\u2029', 'caf\u00e9', '\u{1f600}'];
  for (const [i, target] of targets.entries()) fs.symlinkSync(target, join(root, `links/target-${i}`));
}

export function makeManyFiles(root: string, count: number): void {
  for (let i = 0; i < count; i++) fs.writeFileSync(join(root, `file-${i}`), i % 10 === 0 ? `content ${i}` : '');
}

/** Instants in summer and in winter, and around the changes of 2026 in Berlin and in New York. */
const INSTANTS: readonly string[] = [
  '2026-01-15T12:00:00Z',
  '2026-07-15T12:00:00.123456789Z',
  '2026-03-08T06:59:59.999999999Z',
  '2026-03-08T07:00:00Z',
  '2026-03-29T00:59:59.999999999Z',
  '2026-03-29T01:00:00Z',
  '2026-10-25T00:30:00Z',
  '2026-10-25T01:30:00Z',
  '2026-11-01T05:30:00Z',
  '2026-11-01T06:30:00Z',
  '1999-12-31T23:30:00Z',
  '1985-06-01T00:00:00Z',
  '1970-01-01T00:00:00Z',
  '1969-07-20T20:17:40.5Z',
  '2038-01-19T03:14:08Z',
  '2199-07-01T00:00:00Z',
];

/** Files and directories changed at those instants. */
export function makeInstants(root: string): void {
  const posix = openPosix();
  for (const [i, instant] of INSTANTS.entries()) {
    const [, seconds = '', fraction = ''] = /^([^.Z]*)\.?(\d*)Z$/u.exec(instant) ?? [];
    const ns = BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
    fs.writeFileSync(join(root, `file-${i}`), instant);
    fs.mkdirSync(join(root, `folder-${i}`));
    for (const name of [`file-${i}`, `folder-${i}`]) {
      posix.utimensat(AT_FDCWD, Buffer.from(join(root, name)), ns, ns);
    }
  }
}
