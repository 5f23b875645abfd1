// Sets and deletes values without end, by a clock that is so many hours wrong; killed by the test. Tells each step before it is
// begun and when it is done.
import { randomBytes } from 'node:crypto';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { deleteValue } from '../../src/values/delete-value.ts';
import type { ValuesContext } from '../../src/values/value-shelf.ts';
import { setValue } from '../../src/values/write-value.ts';

const [root = '', label = '', skewHours = '0'] = process.argv.slice(2);
const skewMs = Number(skewHours) * 3_600_000;
const context: ValuesContext = {
  storage: openLocalStorage(root, { durable: false }),
  clock: { nowNs: () => BigInt(Date.now() + skewMs) * 1_000_000n, sleep: async () => {} },
  warn: (message) => void process.stderr.write(`${message}\n`),
};
const body = randomBytes(60_000).toString('hex');

async function change(lane: number): Promise<never> {
  for (let count = 0; ; count++) {
    const step = count % 5 === 4 ? 'deleted' : `${label}-${count}`;
    process.stdout.write(`begin ${lane} ${step}\n`);
    if (step === 'deleted') await deleteValue(context, `lane ${lane}`, {});
    else await setValue(context, `lane ${lane}`, { step, body }, count % 3 === 0 ? { keep: 2 } : {});
    process.stdout.write(`done ${lane} ${step}\n`);
  }
}

await Promise.all([0, 1, 2].map(change));
