import { hash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { hasCode } from '../base/errors.ts';
import { chunkSizes } from './chunk-sizes.ts';
import { KERNEL_SCRATCH_BYTES, createKernels } from './kernels.ts';
import { rabinTables } from './rabin-tables.ts';
import * as gearTwin from './twins/gear.ts';
import * as indexBlobsTwin from './twins/index-blobs.ts';
import * as poly1305Twin from './twins/poly1305.ts';
import * as rabinTwin from './twins/rabin.ts';
import * as scryptTwin from './twins/scrypt.ts';
import * as xorTwin from './twins/xor.ts';

const DATA = KERNEL_SCRATCH_BYTES;
const DATA_BYTES = chunkSizes.max + 131_072;
const POLYNOMIAL = 0x3da3358b4dc173n;
const tables = rabinTables(POLYNOMIAL);
const kernels = createKernels({ dataBytes: DATA_BYTES });
kernels.setPolynomial(POLYNOMIAL);

/** Deterministic noise; S of the format reference, so that its known cuts serve as windows to plant. */
const noise = new Uint8Array(3 * 1_048_576);
for (let i = 0; i < noise.length / 32; i++) {
  const counter = Buffer.alloc(8);
  counter.writeUInt32LE(i);
  noise.set(hash('sha256', counter, 'buffer'), i * 32);
}

const chunkers = [
  {
    name: 'gear',
    cut: (start: number, end: number) => kernels.gearCut(start, end),
    twin: gearTwin.gearCut,
    filler: 0,
    // The 64 bytes before noise's first cut, which lies behind the normal size: an easy one.
    window: noise.slice(1_081_538 - 64, 1_081_538),
    firstCut: (planted: number) => (planted >= chunkSizes.normal && planted <= chunkSizes.max ? planted : undefined),
  },
  {
    name: 'rabin',
    cut: (start: number, end: number) => kernels.rabinCut(start, end),
    twin: (data: Uint8Array, start: number, end: number) => rabinTwin.rabinCut(data, start, end, tables),
    filler: 1,
    window: noise.slice(1_015_968 - 64, 1_015_968),
    firstCut: (planted: number) => (planted >= chunkSizes.min && planted <= chunkSizes.max ? planted : undefined),
  },
];

describe.each(chunkers)('the $name kernel', ({ cut, twin, filler, window, firstCut }) => {
  beforeEach(() => {
    kernels.bytes.fill(filler, DATA);
  });

  it('cuts noise where its twin does, from any start', () => {
    kernels.bytes.set(noise, DATA);
    const start = fc.integer({ min: 0, max: noise.length - 1 });
    fc.assert(
      fc.property(start, (from) => {
        expect(cut(DATA + from, DATA + noise.length) - DATA).toBe(twin(noise, from, noise.length));
      }),
      { numRuns: 15 },
    );
  });

  it('cuts data of few values where its twin does', () => {
    const size = 700_000;
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.integer({ min: 0, max: 99 }), (period, skew) => {
        for (let i = 0; i < size; i++) kernels.bytes[DATA + i] = (period[i % period.length] ?? 0) & (i % (skew + 2));
        expect(cut(DATA, DATA + size) - DATA).toBe(twin(kernels.bytes.slice(DATA, DATA + size), 0, size));
      }),
      { numRuns: 15 },
    );
  });

  it.each([
    ['just before the minimum', chunkSizes.min - 1],
    ['at the minimum', chunkSizes.min],
    ['just after the minimum', chunkSizes.min + 1],
    ['at the end of the first lane', chunkSizes.min + 4095],
    ['at the start of the second lane', chunkSizes.min + 4096],
    ['at the end of the fourth lane', chunkSizes.min + 16_383],
    ['at the next round', chunkSizes.min + 16_384],
    ['just before the normal size', chunkSizes.normal - 1],
    ['at the normal size', chunkSizes.normal],
    ['just after the normal size', chunkSizes.normal + 1],
    ['just before the maximum', chunkSizes.max - 1],
    ['at the maximum', chunkSizes.max],
    ['just after the maximum', chunkSizes.max + 1],
  ])('obeys a cut mark %s', (_, planted) => {
    kernels.bytes.set(window, DATA + planted - window.length);
    expect(cut(DATA, DATA + DATA_BYTES) - DATA).toBe(firstCut(planted) ?? chunkSizes.max);
  });

  it('takes the first of several marks, in whichever lane they lie', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 40_000 }), { minLength: 1, maxLength: 6 }), (gaps) => {
        kernels.bytes.fill(filler, DATA);
        const marks = gaps.map((gap) => chunkSizes.normal + gap);
        for (const mark of marks) kernels.bytes.set(window, DATA + mark - window.length);
        const size = chunkSizes.normal + 50_000;
        expect(cut(DATA, DATA + size) - DATA).toBe(twin(kernels.bytes.slice(DATA, DATA + size), 0, size));
      }),
      { numRuns: 10 },
    );
  });

  it.each([1, 63, 64, chunkSizes.min - 1, chunkSizes.min])('leaves a rest of %i bytes whole', (size) => {
    kernels.bytes.set(window, DATA + Math.max(0, size - 64));
    expect(cut(DATA, DATA + size)).toBe(DATA + size);
  });

  it.each([chunkSizes.min + 1, chunkSizes.normal, chunkSizes.max - 1, chunkSizes.max])(
    'ends at the end of data of %i bytes without a mark',
    (size) => {
      expect(cut(DATA, DATA + size)).toBe(DATA + size);
    },
  );

  it('does not look at bytes behind the end', () => {
    const size = chunkSizes.normal + 20_000;
    kernels.bytes.set(window, DATA + size - 63);
    expect(cut(DATA, DATA + size)).toBe(DATA + size);
  });

  it('ends a chunk as its twin does in zeros', () => {
    kernels.bytes.fill(0, DATA);
    const zeros = new Uint8Array(DATA_BYTES);
    expect(cut(DATA, DATA + DATA_BYTES) - DATA).toBe(twin(zeros, 0, DATA_BYTES));
  });
});

it('cuts zeros at the minimum with rabin, as restic does', () => {
  kernels.bytes.fill(0, DATA);
  expect(kernels.rabinCut(DATA, DATA + DATA_BYTES)).toBe(DATA + chunkSizes.min);
});

it('cuts gear chunks before the normal size only at the rarer marks', () => {
  const hard = noise.slice(0, chunkSizes.normal);
  kernels.bytes.fill(0, DATA);
  kernels.bytes.set(hard, DATA);
  // Noise has no such mark before its first cut; the easy one of the tests above does not count here.
  kernels.bytes.set(noise.slice(1_081_538 - 64, 1_081_538), DATA + 700_000 - 64);
  expect(kernels.gearCut(DATA, DATA + chunkSizes.normal)).toBe(DATA + chunkSizes.normal);
});

it('gives Poly1305 tags equal to those of its twin', () => {
  const mac = new Uint8Array(16);
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.uint8Array({ minLength: 240, maxLength: 1200, size: 'max' }), // four lanes from 256 bytes on
    fc.integer({ min: 0, max: 1200 }).map((length) => new Uint8Array(length).fill(0xff)),
  );
  const key = fc.oneof(
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
    fc.constant(new Uint8Array(32).fill(0xff)),
    fc.constant(new Uint8Array(32)),
  );
  fc.assert(
    fc.property(bytes, key, fc.integer({ min: 0, max: 70 }), (message, key32, at) => {
      kernels.bytes.set(message, DATA + at);
      kernels.poly1305(DATA + at, message.length, key32, mac);
      expect(mac).toEqual(poly1305Twin.poly1305(message, key32));
    }),
    { numRuns: 300 },
  );
});

// The edge cases of RFC 8439, appendix A.3: sums around 2^130 − 5 and 2^128, with r = 1 or 2.
it.each([
  ['02', '00', 'ff'.repeat(16), '03'],
  ['02', 'ff'.repeat(16), `02${'00'.repeat(15)}`, '03'],
  ['01', '00', `${'ff'.repeat(16)}f0${'ff'.repeat(15)}11${'00'.repeat(15)}`, '05'],
  ['01', '00', `${'ff'.repeat(16)}fb${'fe'.repeat(15)}${'01'.repeat(16)}`, '00'],
  ['02', '00', `fd${'ff'.repeat(15)}`, `fa${'ff'.repeat(15)}`],
])('reduces Poly1305 at the edges (r %s, s %s, message %s)', (r, s, message, tag) => {
  const key = Buffer.from(r.padEnd(32, '0') + s.padEnd(32, '0'), 'hex');
  const bytes = Buffer.from(message, 'hex');
  const mac = new Uint8Array(16);
  kernels.bytes.set(bytes, DATA);
  kernels.poly1305(DATA, bytes.length, key, mac);
  expect(Buffer.from(mac).toString('hex')).toBe(tag.padEnd(32, '0'));
});

it('authenticates the messages of the format reference', () => {
  // AES-128 of the IV under k, then r, unclamped as newer clients store it: repository format, seal vector.
  const ciphertext = Buffer.from('cb929d1ea7fbd8a19b71f898fcf60ce083', 'hex');
  const s = Buffer.from('254b1c41800c8d3df5fb5537bf3a961f', 'hex'); // the tag of nothing is s
  const r = Uint8Array.from({ length: 16 }, (_, i) => 0xf0 + i);
  const mac = new Uint8Array(16);
  kernels.bytes.set(ciphertext, DATA);
  kernels.poly1305(DATA, ciphertext.length, Buffer.concat([r, s]), mac);
  expect(Buffer.from(mac).toString('hex')).toBe('2a6fb07f47620e18f5a5275d6aeb49ef');
});

it('leaves no Poly1305 key in memory', () => {
  const key = randomBytes(32);
  kernels.poly1305(DATA, 10, key, new Uint8Array(16));
  expect(Buffer.from(kernels.bytes.subarray(0, DATA)).includes(key.subarray(0, 16))).toBe(false);
});

it('combines with XOR what its twin does, and nothing beside it', () => {
  const position = fc.integer({ min: 0, max: 300 });
  fc.assert(
    fc.property(position, position, position, (target, shift, length) => {
      const source = target + length + shift;
      kernels.bytes.set(noise.subarray(0, 2000), DATA);
      const expected = noise.slice(0, 2000);
      xorTwin.xor(expected, target, source, length);
      kernels.xor(DATA + target, DATA + source, length);
      expect(kernels.bytes.slice(DATA, DATA + 2000)).toEqual(expected);
    }),
  );
});

it('makes a shared memory of the asked size that cannot grow', () => {
  const { memory, bytes } = createKernels({ dataBytes: 100_000 });
  expect(memory.buffer).toBeInstanceOf(SharedArrayBuffer);
  expect(bytes.length).toBe(KERNEL_SCRATCH_BYTES + 131_072);
  expect(memory.buffer.growable).toBe(false);
});

it.each([-1, Number.NaN, 2 ** 33])('refuses a memory of %d bytes', (dataBytes) => {
  expect(() => createKernels({ dataBytes })).toThrow(expect.toSatisfy((error) => hasCode(error, 'KERNEL_UNAVAILABLE')));
});

describe('the scrypt kernel', () => {
  const r = 2;
  const n = 16;
  const blockBytes = 128 * r;
  const laneBytes = (n + 2) * blockBytes;
  const wordsAt = (at: number): Uint32Array => new Uint32Array(kernels.bytes.slice(at, at + blockBytes).buffer);
  const plant = (lane: number): { at: number; mixed: Uint32Array } => {
    const at = DATA + lane * laneBytes + n * blockBytes;
    kernels.bytes.set(noise.subarray(lane * blockBytes, (lane + 1) * blockBytes), at);
    const mixed = wordsAt(at);
    scryptTwin.scryptMix(mixed, r, n);
    return { at, mixed };
  };

  it('mixes a lane as its twin does, however the steps are split', () => {
    for (const split of [1, n - 1, n, n + 1, 2 * n - 1]) {
      const { at, mixed } = plant(0);
      kernels.scryptMix(DATA, r, n, 0, split);
      kernels.scryptMix(DATA, r, n, split, 2 * n);
      expect(wordsAt(at)).toEqual(mixed);
    }
  });

  it('mixes three lanes as its twin does, however the steps are split', () => {
    for (const split of [1, n - 1, n, n + 1, 2 * n - 1]) {
      const lanes = [plant(0), plant(1), plant(2)];
      kernels.scryptMixThree(DATA, r, n, 0, split);
      kernels.scryptMixThree(DATA, r, n, split, 2 * n);
      expect(lanes.map(({ at }) => wordsAt(at))).toEqual(lanes.map(({ mixed }) => mixed));
    }
  });
});

describe('the kernel for blobs of index files', () => {
  const RECORDS = DATA + 131_072;
  const PACKS = RECORDS + 131_072;
  const hex = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((id) => Buffer.from(id).toString('hex'));
  const number = fc.oneof(
    fc.nat(0xffff_ffff).map(String),
    fc.constantFrom('0', '9', '10', '4294967295', '4294967296', '9999999999', '42949672950', '01', '-1', '1.5', '1e3'),
  );
  const blob = fc
    .tuple(hex, fc.constantFrom('data', 'tree'), number, number, fc.option(number))
    .map(
      ([id, type, offset, length, plain]) =>
        `{"id":"${id}","type":"${type}","offset":${offset},"length":${length}` +
        `${plain === null ? '' : `,"uncompressed_length":${plain}`}}`,
    );
  const link = fc.oneof(
    { weight: 6, arbitrary: fc.constant(',') },
    { weight: 3, arbitrary: hex.map((id) => `]},{"id":"${id}","blobs":[`) },
    { weight: 1, arbitrary: fc.constantFrom('', ', ', ']}', ']}]}', ']},', ',,') },
  );
  const text = fc.array(fc.tuple(blob, link), { maxLength: 12 }).map((parts) => parts.flat().join(''));

  function expectSame(json: Uint8Array, start: number, end: number): void {
    kernels.bytes.set(json, DATA);
    const found = kernels.indexBlobs(DATA + start, DATA + end, RECORDS, PACKS);
    const twin = indexBlobsTwin.indexBlobs(json, start, end);
    expect(found).toEqual({ blobs: twin.records.length / 12, packs: twin.packs.length, stop: DATA + twin.stop });
    const records = kernels.bytes.slice(RECORDS, RECORDS + found.blobs * 48);
    expect(new Uint32Array(records.buffer)).toEqual(twin.records);
    const packs = Buffer.from(kernels.bytes.slice(PACKS, PACKS + found.packs * 32));
    expect(packs.toString('hex')).toBe(twin.packs.join(''));
  }

  it('reads what its twin reads, and stops where it stops', () => {
    fc.assert(
      fc.property(text, (json) => expectSame(Buffer.from(json), 0, json.length)),
      { numRuns: 500 },
    );
  });

  const id = 'c3'.repeat(32);
  const one = `{"id":"${id}","type":"tree","offset":120,"length":4294967295,"uncompressed_length":7}`;
  const two = Buffer.from(`${one}]},{"id":"${id}","blobs":[${one}`);

  it('reads what its twin reads wherever the text ends', () => {
    // What lies behind the end goes on as if it belonged to it.
    for (let end = 0; end <= two.length; end++) expectSame(two, 0, end);
  });

  it('reads what its twin reads whatever a byte is changed to', () => {
    for (let at = 0; at < two.length; at++) {
      for (const value of [0, 0x20, 0x2f, 0x30, 0x39, 0x3a, 0x40, 0x41, 0x60, 0x61, 0x66, 0x67, 0x7d, 0xe1, 0xff]) {
        const changed = Buffer.from(two);
        changed[at] = value;
        expectSame(changed, 0, changed.length);
      }
    }
  });
});
