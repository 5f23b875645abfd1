// Speed of each kernel and of its twin, on random data. `node bench/kernels.bench.ts`
import { randomBytes, randomFillSync } from 'node:crypto';
import { KERNEL_SCRATCH_BYTES as DATA, createKernels } from '../src/kernels/kernels.ts';
import { rabinTables } from '../src/kernels/rabin-tables.ts';
import * as gearTwin from '../src/kernels/twins/gear.ts';
import * as poly1305Twin from '../src/kernels/twins/poly1305.ts';
import * as rabinTwin from '../src/kernels/twins/rabin.ts';
import * as xorTwin from '../src/kernels/twins/xor.ts';

const SIZE = 33_554_432;
const TWIN_SIZE = 8_388_608;
const POLYNOMIAL = 0x3da3358b4dc173n;
const BUDGET_MS = 400;

const kernels = createKernels({ dataBytes: SIZE });
kernels.setPolynomial(POLYNOMIAL);
randomFillSync(kernels.bytes.subarray(DATA));
const data = kernels.bytes.slice(DATA, DATA + TWIN_SIZE);
const tables = rabinTables(POLYNOMIAL);
const key = randomBytes(32);
const mac = new Uint8Array(16);

function cutAll(size: number, cut: (start: number, end: number) => number, base = 0): void {
  for (let at = base; at < base + size;) at = cut(at, base + size);
}

/** MB/s of the best of several rounds: the first ones run before the code is optimised. */
function rate(size: number, run: () => void): string {
  let bestMs = Infinity;
  const stopAt = performance.now() + BUDGET_MS;
  while (performance.now() < stopAt) {
    const startedAt = performance.now();
    run();
    bestMs = Math.min(bestMs, performance.now() - startedAt);
  }
  return (size / bestMs / 1000).toFixed(0).padStart(8);
}

const rows: [string, () => void, () => void][] = [
  [
    'gear',
    () => cutAll(SIZE, (start, end) => kernels.gearCut(start, end), DATA),
    () => cutAll(TWIN_SIZE, (start, end) => gearTwin.gearCut(data, start, end)),
  ],
  [
    'rabin',
    () => cutAll(SIZE, (start, end) => kernels.rabinCut(start, end), DATA),
    () => cutAll(TWIN_SIZE, (start, end) => rabinTwin.rabinCut(data, start, end, tables)),
  ],
  ['poly1305', () => kernels.poly1305(DATA, SIZE, key, mac), () => poly1305Twin.poly1305(data, key)],
  [
    'xor',
    () => {
      kernels.xor(DATA, DATA + SIZE / 2, SIZE / 2);
      kernels.xor(DATA + SIZE / 2, DATA, SIZE / 2);
    },
    () => {
      xorTwin.xor(data, 0, TWIN_SIZE / 2, TWIN_SIZE / 2);
      xorTwin.xor(data, TWIN_SIZE / 2, 0, TWIN_SIZE / 2);
    },
  ],
];

console.log('MB/s of file data, one core   kernel     twin');
for (const [name, kernel, twin] of rows) {
  console.log(`${name.padEnd(27)}${rate(SIZE, kernel)} ${rate(TWIN_SIZE, twin)}`);
}
