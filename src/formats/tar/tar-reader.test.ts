import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  linkSync,
  truncateSync,
  writeFileSync,
  writeSync,
  utimesSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { bytesKey, concatBytes, utf8 } from '../../base/bytes.ts';
import { isCairnError } from '../../base/errors.ts';
import type { TarEntry } from './tar-entry.ts';
import { encodeTarHeader, TAR_END, tarPadding } from './tar-header.ts';
import { TarReader } from './tar-reader.ts';

const plain: TarEntry = {
  kind: 'file',
  name: utf8('a/b'),
  linkName: new Uint8Array(),
  sizeBytes: 0n,
  mode: 0o640,
  uid: 1000,
  gid: 100,
  user: 'ann',
  group: 'users',
  mtimeNs: 1_700_000_000_123_456_789n,
  device: 0n,
  xattrs: [],
};

interface Read {
  readonly entries: { readonly entry: TarEntry; readonly content: string }[];
  readonly unknown: string[];
}

function read(stream: Uint8Array, pieceSize = stream.length): Read {
  const result: Read = { entries: [], unknown: [] };
  let open: { entry: TarEntry; content: string } | undefined;
  const reader = new TarReader({
    entry: (entry) => {
      open = { entry, content: '' };
    },
    data: (bytes) => {
      if (open !== undefined) open.content += bytesKey(bytes);
    },
    end: () => {
      if (open !== undefined) result.entries.push(open);
      open = undefined;
    },
    unknown: (name, why) => void result.unknown.push(`${bytesKey(name)}: ${why}`),
  });
  for (let at = 0; at < stream.length; at += pieceSize) reader.push(stream.subarray(at, at + pieceSize));
  reader.end();
  return result;
}

function streamOf(...entries: (readonly [TarEntry, string])[]): Uint8Array {
  const parts = entries.flatMap(([entry, content]) => [
    encodeTarHeader({ ...entry, sizeBytes: BigInt(content.length) }),
    Buffer.from(content, 'latin1'),
    new Uint8Array(tarPadding(content.length)),
  ]);
  return concatBytes([...parts, TAR_END]);
}

const arbitraryName = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => bytes.map((byte) => byte || 1));
const arbitraryEntry: fc.Arbitrary<TarEntry> = fc.record({
  kind: fc.constant('file' as const),
  // A slash at the end would make it a folder.
  name: arbitraryName.map((name) => concatBytes([name, utf8('x')])),
  linkName: fc.constant(new Uint8Array()),
  sizeBytes: fc.constant(0n),
  mode: fc.nat(0o7777),
  uid: fc.nat(0xfffffffe),
  gid: fc.nat(0xfffffffe),
  user: fc.constantFrom('', 'ann', 'jürgen', 'u'.repeat(40)),
  group: fc.constantFrom('', 'users'),
  mtimeNs: fc.bigInt({ min: -(10n ** 18n), max: 10n ** 19n }),
  device: fc.constant(0n),
  xattrs: fc.array(
    fc.record({
      name: fc.constantFrom('user.a', 'user.bb', 'security.capability').map(utf8),
      value: fc.uint8Array({ maxLength: 40 }),
    }),
    { maxLength: 2 },
  ),
});

describe('a tar stream', () => {
  it('holds a whole second that eleven octal digits do not', () => {
    const entry = { ...plain, mtimeNs: 8_593_750_000n * 1_000_000_000n };
    expect(read(streamOf([entry, '']), 512).entries[0]?.entry.mtimeNs).toBe(entry.mtimeNs);
  });

  it('gives back every entry as it was written, in pieces of any size', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(arbitraryEntry, fc.string({ unit: 'binary-ascii', maxLength: 1200 })), { maxLength: 4 }),
        fc.integer({ min: 1, max: 2000 }),
        (entries, pieceSize) => {
          const { entries: found } = read(streamOf(...entries), pieceSize);
          expect(found.map(({ content }) => content)).toEqual(entries.map(([, content]) => content));
          for (const [at, { entry }] of found.entries()) {
            const wanted = entries[at]?.[0] ?? plain;
            expect({ ...entry, name: bytesKey(entry.name), sizeBytes: 0n, linkName: '' }).toEqual({
              ...wanted,
              name: bytesKey(wanted.name),
              sizeBytes: 0n,
              linkName: '',
              xattrs: wanted.xattrs.map(({ name, value }) => ({
                name: Buffer.from(name),
                value: Uint8Array.from(value ?? []),
              })),
            });
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('holds a time that the plain field has no room for', () => {
    const mtimeNs = 8_593_750_000n * 1_000_000_000n;
    expect(read(streamOf([{ ...plain, mtimeNs }, ''])).entries[0]?.entry.mtimeNs).toBe(mtimeNs);
  });

  it.each([
    ['symlink', { linkName: utf8(`${'long/'.repeat(40)}end`) }],
    ['hardlink', { linkName: utf8('a/first') }],
    ['chardev', { device: 0x12345678n & 0xfffffn }],
    ['dev', { device: (0xabcden << 8n) | 3n }],
    ['fifo', {}],
  ] as const)('holds a %s', (kind, parts) => {
    const wanted: TarEntry = { ...plain, kind, ...parts };
    const [found] = read(concatBytes([encodeTarHeader(wanted), TAR_END])).entries;
    expect({ ...found?.entry, linkName: bytesKey(found?.entry.linkName ?? utf8('')) }).toMatchObject({
      kind,
      linkName: bytesKey(wanted.linkName),
      device: wanted.device,
    });
  });

  it.each([
    ['with a wrong checksum', (stream: Buffer) => stream.fill(0x41, 0, 3)],
    ['that ends in the middle of an entry', (stream: Buffer) => stream.subarray(0, 700)],
    ['whose number is none', (stream: Buffer) => (stream.write('9x', 124, 'latin1'), stream)],
  ])('%s is refused', (_, damage) => {
    const damaged = damage(Buffer.from(streamOf([plain, 'x'.repeat(600)])));
    expect(() => read(damaged)).toThrow(expect.objectContaining({ code: 'FORMAT_INVALID' }));
  });

  it('answers random bytes, and damage anywhere, with an error of ours or an entry', () => {
    const stream = streamOf([{ ...plain, name: utf8('n'.repeat(200)) }, 'content']);
    fc.assert(
      fc.property(fc.nat(stream.length - 1), fc.nat(255), (at, byte) => {
        const damaged = stream.slice();
        damaged[at] = byte;
        try {
          read(damaged);
        } catch (error) {
          expect(isCairnError(error)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('takes no memory for a header that claims to be huge', () => {
    const header = Buffer.from(encodeTarHeader({ ...plain, mtimeNs: 0n, sizeBytes: 0o7777777777n }));
    header.write('x', 156, 'latin1');
    header.write(' '.repeat(8), 148, 'latin1');
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    expect(() => read(header)).toThrow('has 1073741823 bytes');
  });
});

/** A header of which some bytes are written over, with its checksum set right again. */
function forged(entry: TarEntry, change: (header: Buffer) => void): Uint8Array {
  const header = Buffer.from(encodeTarHeader({ ...entry, mtimeNs: 0n }));
  change(header);
  header.write(' '.repeat(8), 148, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

/** A pax header (or a global one) with these records. */
function pax(records: Readonly<Record<string, string>>, type: 'x' | 'g' = 'x'): Uint8Array {
  const body = Object.entries(records)
    .map(([key, value]) => {
      const rest = key.length + value.length + 3;
      const length = [1, 2, 3].map((digits) => rest + digits).find((sum) => sum - rest === String(sum).length) ?? 0;
      return `${length} ${key}=${value}\n`;
    })
    .join('');
  const header = forged({ ...plain, sizeBytes: BigInt(body.length) }, (block) => block.write(type, 156, 'latin1'));
  return concatBytes([header, utf8(body), new Uint8Array(tarPadding(body.length))]);
}

describe('a hostile or odd header', () => {
  it.each(['0', 'x', 'L', 'V'])('of type %s with a negative size is refused', (type) => {
    const header = forged(plain, (block) => {
      block.fill(0xff, 124, 136);
      block.write(type, 156, 'latin1');
    });
    expect(() => read(header)).toThrow(expect.objectContaining({ code: 'FORMAT_INVALID' }));
  });

  it('with a size that no number can hold is refused', () => {
    const header = forged(plain, (block) => void (block.fill(0xff, 125, 136), (block[124] = 0x80)));
    expect(() => read(header)).toThrow(expect.objectContaining({ code: 'FORMAT_INVALID' }));
  });

  it.each([{ 'GNU.sparse.size': '2048', 'GNU.sparse.numblocks': '1' }, { 'GNU.sparse.realsize': '2048' }])(
    'of any sparse form of GNU is never taken for the file itself: %o',
    (records) => {
      const whole = { ...plain, mtimeNs: 0n };
      const stream = concatBytes([pax(records), streamOf([whole, 'condensed'], [whole, 'next'])]);
      const { entries, unknown } = read(stream);
      expect(unknown).toHaveLength(1);
      expect(entries.map(({ content }) => content)).toEqual(['next']);
    },
  );

  it('with an empty value in a pax header has what its own fields say', () => {
    const records = { path: '', linkpath: '', size: '', mtime: '', uid: '', uname: '' };
    const [found] = read(concatBytes([pax(records), streamOf([{ ...plain, mtimeNs: 0n }, 'content'])])).entries;
    expect(found).toMatchObject({ content: 'content', entry: { uid: 1000, user: 'ann', mtimeNs: 0n } });
    expect(bytesKey(found?.entry.name ?? utf8(''))).toBe('a/b');
  });

  it('that counts for all adds to those before it', () => {
    const stream = concatBytes([pax({ uname: 'bob' }, 'g'), pax({ gname: 'staff' }, 'g'), streamOf([plain, ''])]);
    expect(read(stream).entries[0]?.entry).toMatchObject({ user: 'bob', group: 'staff' });
  });
});

const scratch = mkdtempSync(join(tmpdir(), 'cairn-tar-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('what GNU tar writes', () => {
  const folder = join(scratch, 'tree');
  mkdirSync(join(folder, 'd'.repeat(90)), { recursive: true });
  writeFileSync(join(folder, 'd'.repeat(90), 'e'.repeat(90)), 'long');
  writeFileSync(join(folder, 'one'), 'first');
  utimesSync(join(folder, 'one'), 1_000_000, 1_234_567.5);
  linkSync(join(folder, 'one'), join(folder, 'two'));
  symlinkSync('l'.repeat(150), join(folder, 'link'));

  it.each(['gnu', 'pax', 'ustar'])('in its %s format is read', (format) => {
    const names = format === 'ustar' ? ['one', 'two'] : ['link', 'one', 'two', 'd'.repeat(90)];
    const stream = execFileSync('tar', ['--format', format, '--sort=name', '-cC', folder, ...names]);
    const found = read(stream).entries;
    const byName = new Map(found.map((item) => [bytesKey(item.entry.name), item]));
    expect(byName.get('one')).toMatchObject({ content: 'first', entry: { kind: 'file' } });
    expect(byName.get('two')?.entry).toMatchObject({ kind: 'hardlink', linkName: utf8('one') });
    if (format === 'pax') expect(byName.get('one')?.entry.mtimeNs).toBe(1_234_567_500_000_000n);
    if (format === 'ustar') return;
    expect(bytesKey(byName.get('link')?.entry.linkName ?? utf8(''))).toBe('l'.repeat(150));
    expect(byName.get(`${'d'.repeat(90)}/${'e'.repeat(90)}`)?.content).toBe('long');
  });

  it('in sparse form is named and skipped, and what follows is read', () => {
    const file = join(scratch, 'sparse');
    writeFileSync(file, '');
    truncateSync(file, 1024 * 1024);
    writeFileSync(join(scratch, 'after'), 'after');
    for (const format of ['gnu', 'pax']) {
      const { entries, unknown } = read(execFileSync('tar', ['--format', format, '-ScC', scratch, 'sparse', 'after']));
      expect(unknown).toHaveLength(1);
      expect(entries.map(({ content }) => content)).toEqual(['after']);
    }
  });

  it('in sparse form with more holes than a header has room for is skipped whole', () => {
    const file = join(scratch, 'holes');
    const fd = openSync(file, 'w');
    for (let at = 0; at < 60; at++) writeSync(fd, 'x'.repeat(4096), at * 65_536);
    ftruncateSync(fd, 60 * 65_536);
    closeSync(fd);
    writeFileSync(join(scratch, 'after'), 'after');
    for (const format of ['gnu', 'pax']) {
      const { entries, unknown } = read(
        execFileSync('tar', ['--format', format, '-ScC', scratch, 'holes', 'after']),
        700,
      );
      expect(unknown).toHaveLength(1);
      expect(entries.map(({ content }) => content)).toEqual(['after']);
    }
  });
});
