import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKernels, KERNEL_SCRATCH_BYTES } from './kernels.ts';
import { TREE_SCAN_BLOCK_BYTES, TreeScanPhase, TreeScanWord } from './tree-scan.ts';
import * as twin from './twins/tree-scan.ts';

const ROOM = 65_536;
const BLOCK = KERNEL_SCRATCH_BYTES;
const TEXT = BLOCK + TREE_SCAN_BLOCK_BYTES;
const RECORDS = TEXT + ROOM;
const IDS = RECORDS + ROOM;
const kernels = createKernels({ dataBytes: IDS + ROOM - BLOCK });
const plain = new Uint8Array(kernels.bytes.length);

interface Scan {
  readonly bytes: Uint8Array;
  scan(): void;
}

const kernelScan: Scan = { bytes: kernels.bytes, scan: () => kernels.scanTree(BLOCK) };
const twinScan: Scan = { bytes: plain, scan: () => twin.scanTree(plain, BLOCK) };

/** Scans a text in parts that end where `ends` say, each with what was left of the one before. */
function scan(way: Scan, text: Uint8Array, ends: readonly number[]) {
  const { bytes } = way;
  const words = new Uint32Array(bytes.buffer, BLOCK, TREE_SCAN_BLOCK_BYTES / 4);
  words.fill(0);
  words[TreeScanWord.records] = RECORDS;
  words[TreeScanWord.ids] = IDS;
  let stop = 0;
  for (const end of ends) {
    // Whatever lies behind the end goes on as if it belonged to the tree.
    bytes.set(text.subarray(stop), TEXT);
    words[TreeScanWord.at] = TEXT;
    words[TreeScanWord.end] = TEXT + end - stop;
    way.scan();
    stop += (words[TreeScanWord.at] ?? 0) - TEXT;
  }
  const taken = (word: number, from: number) => Buffer.from(bytes.slice(from, words[word])).toString('hex');
  return {
    stop,
    phase: words[TreeScanWord.phase],
    name: Buffer.from(bytes.slice(BLOCK + 24, BLOCK + 24 + (words[TreeScanWord.nameLength] ?? 0))).toString('latin1'),
    records: taken(TreeScanWord.records, RECORDS),
    ids: taken(TreeScanWord.ids, IDS),
  };
}

function expectSameUpTo(text: Uint8Array, ...ends: readonly number[]) {
  const found = scan(kernelScan, text, ends);
  expect(found).toEqual(scan(twinScan, text, ends));
  return found;
}

function expectSame(text: Uint8Array, cuts: readonly number[] = []) {
  return expectSameUpTo(text, ...cuts, text.length);
}

const hexId = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((id) => Buffer.from(id).toString('hex'));
const short = fc.stringMatching(/^[ !#-.0-[\]-~]{0,12}$/);
const u32 = fc.oneof(fc.nat(0xffff_ffff), fc.constantFrom(0, 0o755, 0xffff_ffff));
const number = fc.oneof(fc.nat(3), fc.nat(999_999_999_999_999), fc.constant(999_999_999_999_999));
const two = (value: number): string => String(value).padStart(2, '0');
const time = fc
  .tuple(
    fc.date({ min: new Date('1678-01-01'), max: new Date('2261-12-31'), noInvalidDate: true }),
    fc.stringMatching(/^(\.[0-9]{1,9})?$/),
    fc.oneof(
      fc.constant('Z'),
      fc
        .tuple(fc.constantFrom('+', '-'), fc.nat(23), fc.nat(59))
        .map(([sign, hour, minute]) => `${sign}${two(hour)}:${two(minute)}`),
    ),
  )
  .map(([date, fraction, offset]) => date.toISOString().slice(0, 19) + fraction + offset);
const optional = (key: string, value: fc.Arbitrary<number | string>): fc.Arbitrary<string> =>
  fc.option(value, { nil: undefined }).map((each) => (each === undefined ? '' : `,"${key}":${each}`));
const quoted = (value: fc.Arbitrary<string>): fc.Arbitrary<string> => value.map((each) => `"${each}"`);
const common = fc
  .tuple(
    optional('mode', u32),
    time.map((each) => `,"mtime":"${each}"`),
    time.map((each) => `,"atime":"${each}"`),
    fc.oneof(time, short).map((each) => `,"ctime":"${each}"`),
    fc.tuple(u32, u32).map(([uid, gid]) => `,"uid":${uid},"gid":${gid}`),
    optional('user', quoted(short)),
    optional('group', quoted(short)),
    optional('inode', number),
    optional('device_id', number),
    optional('size', number),
    optional('links', fc.oneof(number, fc.constantFrom(0xffff_ffff, 0x1_0000_0000))),
  )
  .map((fields) => fields.join(''));
const content = fc.oneof(
  fc.constantFrom('', ',"content":null', ',"content":[]'),
  fc.array(quoted(hexId), { minLength: 1, maxLength: 5 }).map((ids) => `,"content":[${ids.join(',')}]`),
);
const rest = fc.oneof(
  fc.tuple(common, content).map(([fields, blobs]) => `"file"${fields}${blobs}`),
  fc
    .tuple(common, fc.constantFrom('', ',"content":null'), hexId)
    .map(([fields, none, id]) => `"dir"${fields}${none},"subtree":"${id}"`),
  fc.tuple(common, short).map(([fields, target]) => `"symlink"${fields},"linktarget":"${target}"`),
);
const name = fc.oneof(fc.stringMatching(/^[a-z][a-z .]{0,6}$/), fc.stringMatching(/^[!#-.0-[\]-~]{3,255}$/));
const nodes = fc
  .uniqueArray(fc.tuple(name, rest), { selector: ([each]) => each, maxLength: 6 })
  .map((pairs) => pairs.toSorted(([a], [b]) => (a < b ? -1 : 1)));
const tree = nodes.map((pairs) =>
  Buffer.from(`{"nodes":[${pairs.map(([each, fields]) => `{"name":"${each}","type":${fields}}`).join(',')}]}\n`),
);

const node = (each: string, fields = ''): string =>
  `{"name":"${each}","type":"file","mode":420,"mtime":"2026-02-28T23:59:59.5+01:30","atime":"1969-12-31T23:59:59Z"` +
  `,"ctime":"","uid":0,"gid":7,"user":"u","group":"g","inode":5,"device_id":6,"size":7,"links":2${fields}}`;
const folder = (fields: string): string => node('b', fields).replace('"file"', '"dir"');
const link = node('c', ',"linktarget":"../to"').replace('"file"', '"symlink"');
const small = Buffer.from(
  `{"nodes":[${node('a', `,"content":["${'c3'.repeat(32)}","${'09'.repeat(32)}"]`)},${node('b')},${node('bb')}]}\n`,
);

describe('the kernel for trees', () => {
  it('reads every tree of the form to its end, as its twin does', () => {
    fc.assert(
      fc.property(tree, (text) => {
        expect(expectSame(text)).toMatchObject({ stop: text.length, phase: TreeScanPhase.behind });
      }),
      { numRuns: 300 },
    );
  });

  it('stops where its twin stops when bytes are changed, left out or put in', () => {
    const change = fc.tuple(
      fc.nat(),
      fc.nat(1),
      fc.oneof(fc.string({ maxLength: 2 }), fc.constantFrom('"', '\\', '0')),
    );
    fc.assert(
      fc.property(tree, fc.array(change, { minLength: 1, maxLength: 3 }), (text, changes) => {
        let changed = text;
        for (const [place, gone, put] of changes) {
          const at = place % changed.length;
          changed = Buffer.concat([changed.subarray(0, at), Buffer.from(put), changed.subarray(at + gone)]);
        }
        expectSame(changed);
      }),
      { numRuns: 1000 },
    );
  });

  it('stops where its twin stops whatever a byte is changed to', () => {
    const blob = 'c3'.repeat(32);
    const kinds = [node('a', `,"content":["${blob}"]`), folder(`,"content":null,"subtree":"${blob}"`), link];
    const text = Buffer.from(`{"nodes":[${kinds.join(',')}]}\n`);
    expect(expectSame(text).phase).toBe(TreeScanPhase.behind);
    const values = [0, 0x09, 0x20, 0x22, 0x2c, 0x2e, 0x2f, 0x30, 0x39, 0x3a, 0x5c, 0x5d, 0x61, 0x66, 0x67, 0x7f, 0xff];
    for (let at = 0; at < text.length; at++) {
      for (const value of values) {
        const changed = Buffer.from(text);
        changed[at] = value;
        expectSame(changed);
      }
    }
  });

  it('reads nothing that lies behind the end', () => {
    for (let end = 0; end < small.length; end++) {
      const { stop, phase } = expectSameUpTo(small, end);
      expect(stop).toBeLessThanOrEqual(end);
      expect(phase).not.toBe(TreeScanPhase.behind);
    }
  });

  it('reads the same in two parts as in one, wherever they meet', () => {
    const whole = expectSame(small);
    expect(whole.phase).toBe(TreeScanPhase.behind);
    for (let cut = 0; cut < small.length; cut++) expect(expectSame(small, [cut])).toEqual(whole);
  });

  it('reads the same in any parts as in one', () => {
    fc.assert(
      fc.property(tree, fc.array(fc.nat(), { maxLength: 6 }), (text, places) => {
        const cuts = places.map((place) => place % text.length).toSorted((a, b) => a - b);
        // A part that begins behind its own end is not one.
        const stops = cuts.filter((cut) => cut >= scan(kernelScan, text, [cut]).stop);
        expect(expectSame(text, stops)).toEqual(expectSame(text));
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['the same name', 'b'],
    ['a name before it', 'ab'],
    ['the begin of the name', ''],
  ])('stops before %s in the next part', (_what, second) => {
    const first = `{"nodes":[${node('b')}`;
    const text = Buffer.from(`${first},${node(second)}]}\n`);
    for (const cuts of [[], [first.length], [first.length + 1], [text.length - 4]]) {
      expect(expectSame(text, cuts)).toMatchObject({ stop: first.length, phase: TreeScanPhase.between, name: 'b' });
    }
  });

  it.each([
    ['a directory with content', folder(`,"content":[],"subtree":"${'c3'.repeat(32)}"`)],
    ['a directory without subtree', folder('')],
    ['a subtree without its key', folder(`${'c3'.repeat(32)}"`)],
    ['a subtree of upper-case digits', folder(`,"subtree":"${'C3'.repeat(32)}"`)],
    ['a subtree of 62 digits', folder(`,"subtree":"${'c3'.repeat(31)}"`)],
    ['a subtree of 66 digits', folder(`,"subtree":"${'c3'.repeat(33)}"`)],
    ['a blob id of 66 digits', node('a', `,"content":["${'c3'.repeat(33)}"]`)],
    ['a list of blobs that ends in a comma', node('a', `,"content":["${'c3'.repeat(32)}",]`)],
    ['a symlink without target', link.replace(/,"linktarget.*"/, '')],
    ['a device', node('a').replace('"file"', '"dev"')],
    ['an empty name', node('')],
    ['a name of one dot', node('.')],
    ['a name of a dot and a letter', node('.a')],
    ['a name with a slash', node('a/b')],
    ['a name of 256 bytes', node('a'.repeat(256))],
    ['a number of 16 digits', node('a').replace('"size":7', '"size":1000000000000000')],
    ['a negative number', node('a').replace('"size":7', '"size":-7')],
    ['a uid of 33 bits', node('a').replace('"uid":0', '"uid":4294967296')],
    ['an unknown field', node('a', ',"error":"e"')],
  ])('does not read %s', (_what, each) => {
    expect(expectSame(Buffer.from(`{"nodes":[${each}]}\n`))).toMatchObject({ stop: 0, phase: TreeScanPhase.before });
  });

  it('reads a name of 255 bytes', () => {
    const text = Buffer.from(`{"nodes":[${node('a'.repeat(255))}]}\n`);
    expect(expectSame(text).phase).toBe(TreeScanPhase.behind);
  });

  it('reads no more behind the end of a tree', () => {
    const text = Buffer.from(`{"nodes":[]}\n{"nodes":[]}\n`);
    expect(expectSame(text)).toMatchObject({ stop: 13, phase: TreeScanPhase.behind });
    expect(expectSame(text, [13])).toMatchObject({ stop: 13, phase: TreeScanPhase.behind });
  });

  it.each([
    '2023-02-29T00:00:00Z',
    '2024-02-30T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2024-04-31T00:00:00Z',
    '2024-12-32T00:00:00Z',
    '2024-00-01T00:00:00Z',
    '2024-13-01T00:00:00Z',
    '2024-01-00T00:00:00Z',
    '1677-12-31T00:00:00Z',
    '2262-01-01T00:00:00Z',
    '2024-01-01T24:00:00Z',
    '2024-01-01T00:60:00Z',
    '2024-01-01T00:00:60Z',
    '2024-01-01t00:00:00Z',
    '2024-01-01T00:00:00z',
    '2024-01-01T00:00:00',
    '2024-01-01T00:00:00.Z',
    '2024-01-01T00:00:00.1234567891Z',
    '2024-01-01T00:00:00+24:00',
    '2024-01-01T00:00:00+00:60',
    '2024-01-01T00:00:00+0000',
    '12x4-01-01T00:00:00Z',
  ])('does not read the time %s', (each) => {
    const text = Buffer.from(small.toString().replace('1969-12-31T23:59:59Z', each));
    expect(expectSame(text)).toMatchObject({ stop: 0, records: '' });
  });

  it.each(['2024-02-29T00:00:00Z', '2000-02-29T23:59:59Z', '1678-01-01T00:00:00+23:59', '2261-12-31T23:59:59.9-23:59'])(
    'reads the time %s',
    (each) => {
      const text = Buffer.from(small.toString().replace('1969-12-31T23:59:59Z', each));
      expect(expectSame(text).phase).toBe(TreeScanPhase.behind);
    },
  );

  it('makes records and lists of ids that take no more room than their tree', () => {
    fc.assert(
      fc.property(tree, (text) => {
        const { records, ids } = scan(kernelScan, text, [text.length]);
        expect(records.length / 2).toBeLessThan(text.length);
        expect(ids.length / 2).toBeLessThan(text.length);
      }),
    );
    const shortest = Buffer.from(
      '{"nodes":[{"name":"a","type":"file","mtime":"2024-02-29T00:00:00Z","atime":"2024-02-29T00:00:00Z","ctime":"","uid":0,"gid":0,"links":2}]}\n',
    );
    expect(scan(kernelScan, shortest, [shortest.length]).records.length / 2).toBe(80);
  });
});
