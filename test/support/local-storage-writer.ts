// Writes objects whose content begins with the hash of the rest, without end; killed by the test.
import { createHash, randomBytes } from 'node:crypto';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';

const [root = '', label = ''] = process.argv.slice(2);
const storage = openLocalStorage(root);
const body = randomBytes(700_000);

async function writeForEver(lane: number): Promise<never> {
  for (let count = 0; ; count++) {
    const part = body.subarray(0, (count * 7919) % body.length);
    const hash = createHash('sha256').update(part).digest();
    await storage.write(`data/${lane}a/${label}-${count}`, [hash, part]);
    // Also replaced in place, over and over.
    await storage.write(`snapshots/${lane}`, [hash, part]);
    await storage.write(`locks/${label}-${lane}-${count}`, [hash, part], { ifAbsent: true });
    process.stdout.write(`data/${lane}a/${label}-${count}\n`);
  }
}

await Promise.all([0, 1, 2, 3].map(writeForEver));
