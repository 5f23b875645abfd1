// The published cuts of the stream S = SHA-256(u64le 0) ‖ SHA-256(u64le 1) ‖ …, first 32 MiB. Rabin's
// were made with restic 0.14; gear's are those of docs/format/gear-chunker.md and must never change.
import { hash } from 'node:crypto';
import { beforeAll, expect, it } from 'vitest';
import { createChunker } from '../../src/formats/chunker/chunker.ts';
import type { ChunkerSpec } from '../../src/formats/chunker/chunker.ts';
import { gearTable } from '../../src/kernels/gear-table.ts';
import { KERNEL_SCRATCH_BYTES as DATA, createKernels } from '../../src/kernels/kernels.ts';
import { rabinTables } from '../../src/kernels/rabin-tables.ts';
import { gearCut } from '../../src/kernels/twins/gear.ts';
import { rabinCut } from '../../src/kernels/twins/rabin.ts';

const SIZE = 33_554_432;
const kernels = createKernels({ dataBytes: SIZE });
const stream = new Uint8Array(SIZE);

beforeAll(() => {
  const counter = Buffer.alloc(8);
  for (let i = 0; i < SIZE / 32; i++) {
    counter.writeUInt32LE(i);
    stream.set(hash('sha256', counter, 'buffer'), i * 32);
  }
  kernels.bytes.set(stream, DATA);
});

const GEAR_SIZES = [
  1_081_538, 2_218_031, 1_539_828, 1_392_138, 864_731, 1_027_620, 1_727_583, 1_557_789, 1_064_060, 2_050_776, 1_511_231,
  1_919_248, 1_291_132, 1_250_709, 1_350_301, 1_227_269, 1_151_718, 559_844, 1_984_356, 1_408_031, 1_835_920, 579_500,
  1_102_442, 1_065_603, 793_034,
];

const RABIN_SIZES = new Map([
  [
    0x3da3358b4dc173n,
    [
      1_015_968, 1_087_132, 693_439, 2_344_058, 903_280, 1_709_091, 1_791_277, 1_802_453, 1_190_352, 528_291, 868_679,
      1_105_126, 1_847_403, 1_069_115, 789_535, 691_238, 1_662_910, 569_729, 3_507_138, 2_066_827, 599_745, 617_098,
      2_039_634, 658_998, 1_328_800, 1_067_116,
    ],
  ],
  [
    0x25b468838dcb75n,
    [
      1_649_259, 2_632_714, 534_724, 672_043, 733_367, 4_298_234, 2_724_043, 1_321_552, 2_419_839, 1_932_226, 814_604,
      2_584_797, 835_082, 1_162_548, 3_673_123, 1_039_475, 951_974, 3_574_828,
    ],
  ],
]);

function sizesOf(cut: (start: number) => number): number[] {
  const sizes: number[] = [];
  for (let start = 0; start < SIZE; start += sizes.at(-1)!) sizes.push(cut(start) - start);
  return sizes;
}

function chunkerSizes(spec: ChunkerSpec): number[] {
  const chunker = createChunker(kernels, spec);
  return sizesOf((start) => chunker.cut(DATA + start, DATA + SIZE) - DATA);
}

function chunkIds(sizes: readonly number[]): string[] {
  let start = 0;
  return sizes.map((size) => hash('sha256', stream.subarray(start, (start += size))));
}

it('makes the stream S', () => {
  expect(hash('sha256', stream)).toBe('e8b10ee1485f66037afca792113ce0e75116962aeda104b71a9fdaf0a8ec896b');
});

it('derives the published gear table', () => {
  const table = gearTable();
  const derived = Array.from({ length: 256 }, (_, byte) =>
    hash('sha256', Buffer.concat([Buffer.from('cairn-gear-v1'), Buffer.of(byte)]), 'buffer').readBigUInt64LE(0),
  );
  expect([...table]).toEqual(derived);
  expect([table[0], table[1], table[255]]).toEqual([0x68e18ed5a1deff05n, 0x740430473bf3f177n, 0x8ae29d37c369143cn]);
});

it('cuts S with gear as published', () => {
  expect(chunkerSizes({ kind: 'gear' })).toEqual(GEAR_SIZES);
});

it('names the first gear chunks as published', () => {
  expect(chunkIds(GEAR_SIZES).slice(0, 3)).toEqual([
    'a84f27f921d649f38fa4d42866409c0193905dfac37b47595ce2a4a01132f33e',
    'aeec0d5b0da1360f80d381f3d49823195a294b2358c38f4c2fe524a255dc2bd0',
    'd8154d07c6d6f470540e79d68c26c3ac69f444dce39aa45781dc912e7ffc39db',
  ]);
});

it('cuts S with the twin of gear as published', () => {
  expect(sizesOf((start) => gearCut(stream, start, SIZE))).toEqual(GEAR_SIZES);
});

it('derives the tables of restic’s polynomials', () => {
  const first = rabinTables(0x3da3358b4dc173n);
  const second = rabinTables(0x25b468838dcb75n);
  expect([first.out[1], first.out[255], first.mod[255]]).toEqual([
    0x17eb4232e19216n,
    0xb80b98cecc39an,
    0x1ff7ac8a5af476a7n,
  ]);
  expect([second.out[1], second.out[255], second.mod[255]]).toEqual([
    0x1392187220d6ean,
    0x840b204597fcbn,
    0x1ff9ae6ade8f792bn,
  ]);
});

it.each([...RABIN_SIZES])('cuts S with restic’s polynomial %d as restic does', (polynomial, sizes) => {
  expect(chunkerSizes({ kind: 'rabin', polynomial })).toEqual(sizes);
});

it.each([...RABIN_SIZES])('cuts S with the twin of rabin and polynomial %d as restic does', (polynomial, sizes) => {
  const tables = rabinTables(polynomial);
  expect(sizesOf((start) => rabinCut(stream, start, SIZE, tables))).toEqual(sizes);
});

it('names the first chunks of restic’s polynomials as restic does', () => {
  const ids = [...RABIN_SIZES.values()].map((sizes) => chunkIds(sizes)[0]?.slice(0, 16));
  expect(ids).toEqual(['f3d509f80ced030c', '8d8322d1a03f6980']);
});
