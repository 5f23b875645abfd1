import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { utf8 } from '../base/bytes.ts';
import { Scout } from './scout.ts';
import type { SourceDirectory } from './source.ts';
import { WorkerPool } from './worker-pool.ts';

const folder = mkdtempSync(join(tmpdir(), 'cairn-scout-'));
for (const name of ['a', 'b', 'c']) writeFileSync(join(folder, name), name);
afterAll(() => rmSync(folder, { recursive: true }));

const directory: SourceDirectory = {
  path: utf8(folder),
  list: () => ['a', 'b', 'c'].map((key) => ({ kind: 'leaf', key, isFile: true })),
};

/** A pool that counts what it is asked for. */
class CountingPool extends WorkerPool {
  asked = 0;

  override run(...task: Parameters<WorkerPool['run']>): ReturnType<WorkerPool['run']> {
    this.asked++;
    return super.run(...task);
  }
}

async function look(pool: WorkerPool): Promise<readonly (Uint8Array | undefined)[]> {
  const scout = new Scout(pool);
  const looks = scout.look(directory, scout.list(directory));
  scout.flush();
  return (await Promise.all(looks)).map(({ digests }) => digests);
}

describe('Scout', () => {
  it('looks itself while no thread is there, and has an idle one look', async () => {
    await using pool = new CountingPool(1);
    const own = await look(pool);
    expect(pool.asked).toBe(0);
    pool.start();
    await pool.run({ kind: 'stat', runs: [] });
    expect(await look(pool)).toEqual(own);
    expect(pool.asked).toBe(2);
  });
});
