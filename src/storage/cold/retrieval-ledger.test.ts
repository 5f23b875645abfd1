import { describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { openMemoryStorage } from '../drivers/memory.ts';
import { RetrievalLedger } from './retrieval-ledger.ts';

const DAY_MS = 86_400_000;
const entry = { askedAtMs: 1000, tier: 'bulk', days: 7 } as const;

describe('RetrievalLedger', () => {
  it('remembers for later runs', async () => {
    const folder = openMemoryStorage();
    await (await RetrievalLedger.open(folder, 0)).add(['data/aa/1'], entry);
    expect((await RetrievalLedger.open(folder, 2000)).get('data/aa/1')).toEqual(entry);
  });

  it('keeps what another process noted meanwhile', async () => {
    const folder = openMemoryStorage();
    const first = await RetrievalLedger.open(folder, 0);
    const second = await RetrievalLedger.open(folder, 0);
    await first.add(['data/aa/1'], entry);
    await second.add(['data/bb/2'], entry);
    const later = await RetrievalLedger.open(folder, 2000);
    expect([later.get('data/aa/1'), later.get('data/bb/2')]).toEqual([entry, entry]);
  });

  it('forgets requests whose copies are gone', async () => {
    const folder = openMemoryStorage();
    await (await RetrievalLedger.open(folder, 0)).add(['data/aa/1'], entry);
    expect((await RetrievalLedger.open(folder, 12 * DAY_MS)).get('data/aa/1')).toBeUndefined();
  });

  it.each(['', 'null', '{"schema":1,"retrievals":{"a":{"askedAtMs":"x"},"b":7}}', '{"schema":2}', '[1]'])(
    'takes the damaged file %j for an empty one',
    async (text) => {
      const folder = openMemoryStorage();
      await folder.write('retrievals.json', utf8(text));
      expect((await RetrievalLedger.open(folder, 0)).get('a')).toBeUndefined();
    },
  );

  it('goes on without a folder', async () => {
    const ledger = await RetrievalLedger.open(undefined, 0);
    await ledger.add(['data/aa/1'], entry);
    expect(ledger.get('data/aa/1')).toEqual(entry);
  });
});
