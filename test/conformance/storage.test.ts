import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { RepositoryId } from '../../src/base/ids.ts';
import { appliesTo, storageConformance } from '../../src/storage/conformance.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { appendOnly } from '../../src/storage/layers/append-only.ts';
import { cached } from '../../src/storage/layers/cache.ts';
import { breaking } from '../../src/storage/layers/circuit-breaker.ts';
import { faulty } from '../../src/storage/layers/faulty.ts';
import { limited } from '../../src/storage/layers/limit.ts';
import { metered } from '../../src/storage/layers/metrics.ts';
import { logged } from '../../src/storage/layers/log.ts';
import { simulatedCold } from '../../src/storage/layers/simulated-cold.ts';
import { retrying } from '../../src/storage/layers/retry.ts';
import { mirrored } from '../../src/storage/mirror/mirror-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';

let scratch = '';
let count = 0;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-storage-'));
});

afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

/** Not a pattern: with one, operations at the same time could fail for ever in step. */
const pseudoRandom = (number: number): number => Math.abs(Math.sin(number * 12.9898) * 43_758.5453) % 1;

const newFolder = (): string => join(scratch, `s${++count}`);

const drivers: Record<string, () => Storage> = {
  local: () => openLocalStorage(newFolder()),
  memory: () => openMemoryStorage(),
};

const layers: Record<string, (inner: Storage) => Storage | Promise<Storage>> = {
  bare: (inner) => inner,
  retry: (inner) => retrying(inner),
  limit: (inner) => limited(inner, { connections: 1, uploadBytesPerSecond: 1e10, downloadBytesPerSecond: 1e10 }),
  faulty: (inner) => faulty(inner),
  metrics: (inner) => metered(inner),
  'circuit breaker': (inner) => breaking(inner),
  'mirror of two': (inner) =>
    mirrored([inner, openMemoryStorage()], {
      markers: ['config', 'index/'],
      isPassing: (name) => name.startsWith('locks/'),
    }),
  log: (inner) => logged(inner, () => {}),
  'cold classes, simulated': (inner) => simulatedCold(inner),
  'append-only where all may change': (inner) => appendOnly(inner, { mayChange: () => true }),
  'retry and circuit breaker over a storage that fails': (inner) =>
    retrying(
      breaking(faulty(inner, { how: 'fail', when: ({ number }) => pseudoRandom(number) < 0.4 }), {
        failures: 2,
        firstRestMs: 1,
        longestRestMs: 5,
      }),
      { firstDelayMs: 1, longestDelayMs: 5 },
    ),
  cache: (inner) =>
    cached(inner, { folder: newFolder(), repository: 'ab'.repeat(32) as RepositoryId, isTreePack: () => true }),
  'retry over a storage that fails and loses answers': (inner) =>
    retrying(
      faulty(inner, [
        { how: 'fail', when: ({ number }) => pseudoRandom(number) < 0.2 },
        { how: 'fail-after', when: ({ number }) => pseudoRandom(number) > 0.8 },
      ]),
      { firstDelayMs: 1, longestDelayMs: 5 },
    ),
};

for (const [driver, make] of Object.entries(drivers)) {
  for (const [layer, wrap] of Object.entries(layers)) {
    describe(`${driver}, ${layer}`, () => {
      const { features } = make();
      for (const c of storageConformance) {
        if (!appliesTo(c, features)) continue;
        it(c.name, { timeout: 30_000 }, ({ signal }) => c.run(async () => wrap(make()), signal));
      }
    });
  }
}
