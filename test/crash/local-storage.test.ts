import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { equalBytes } from '../../src/base/bytes.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';

const program = join(import.meta.dirname, '../support/local-storage-writer.ts');

/** Runs the writer, kills it `afterMs` after its first object, and returns the names it reported as written. */
async function writeAndKill(root: string, label: string, afterMs: number): Promise<string[]> {
  const child = spawn(process.execPath, [program, root, label], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const closed = once(child, 'close');
  await Promise.race([once(child.stdout, 'data'), closed]);
  setTimeout(() => child.kill('SIGKILL'), afterMs);
  const [, signal] = await closed;
  expect(signal).toBe('SIGKILL');
  return output.split('\n').slice(0, -1);
}

describe('a local storage whose writer is killed', () => {
  it('shows complete objects only, and all that were reported as written', async () => {
    const root = await mkdtemp(join(tmpdir(), 'cairn-crash-'));
    try {
      await using storage = openLocalStorage(root);
      const reported: string[] = [];
      for (let round = 0; round < 12; round++) {
        reported.push(...(await writeAndKill(root, `r${round}`, 5 + round * 9)));
      }
      const listed = new Set<string>();
      for await (const { name, sizeBytes } of storage.list('')) {
        const bytes = await storage.read(name);
        expect(bytes.length).toBe(sizeBytes);
        const hash = createHash('sha256').update(bytes.subarray(32)).digest();
        expect(equalBytes(hash, bytes.subarray(0, 32)), `${name} is incomplete`).toBe(true);
        listed.add(name);
      }
      expect(reported.filter((name) => !listed.has(name))).toEqual([]);
      expect(reported.length).toBeGreaterThanOrEqual(12);
      await storage.abortStaleUploads?.(-60_000);
      expect(await storage.abortStaleUploads?.(-60_000)).toBe(0);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
});
