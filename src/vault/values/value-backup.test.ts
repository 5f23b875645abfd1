import { describe, expect, it } from 'vitest';
import type { Clock } from '../../base/clock.ts';
import { openMemoryStorage } from '../../storage/drivers/memory.ts';
import { readValue } from '../../values/read-value.ts';
import { parseValueKey } from '../../values/value-key.ts';
import { loadKey, type ValuesContext } from '../../values/value-shelf.ts';
import { setValue } from '../../values/write-value.ts';
import { removeValueBackups } from './remove-values.ts';
import { findValue, listValueBackups, type ValueBackup, valueBackup } from './value-backup.ts';

const hourMs = 3_600_000;

/** `a` has versions of 10:00 and 12:00, `b@1` one of 11:00; UTC. */
async function newShelf(): Promise<ValuesContext> {
  let nowMs = Date.UTC(2026, 10, 25, 9);
  const clock: Clock = { nowNs: () => BigInt((nowMs += hourMs)) * 1_000_000n, sleep: async () => {} };
  const context: ValuesContext = { storage: openMemoryStorage(), clock, warn: () => {}, workFactor: 4 };
  await setValue(context, 'a', 'first', { compress: false });
  await setValue(context, 'b@1', 'other', {});
  await setValue(context, 'a', 'second', {});
  return context;
}

const first = 'a@20261125T100000.000Z';
const second = 'a@20261125T120000.000Z';
const other = 'b@1@20261125T110000.000Z';

async function idsOf(filter: Parameters<typeof listValueBackups>[1]): Promise<string[]> {
  return (await listValueBackups(await newShelf(), filter, {})).map(({ id }) => id);
}

const find = async (reference: string, options: Parameters<typeof findValue>[2] = {}): Promise<string[]> => {
  const { version, versions = [] } = (await findValue(await newShelf(), reference, options)) ?? {};
  return [version, ...versions].flatMap((one) => (one === undefined ? [] : [valueBackup(one).id]));
};

describe('values among the backups', () => {
  it('B56: are their keys, each as it is now', async () => {
    const [b, a] = await listValueBackups(await newShelf(), {}, {});
    expect(a).toMatchObject({ form: 'value', id: second, name: 'a', bytes: null, storedBytes: 28, tags: [] });
    expect(b).toMatchObject({ form: 'value', id: other, name: 'b@1' });
  });

  it.each([
    [{ name: 'a' }, [second]],
    [{ name: 'none' }, []],
    [{ before: '2026-11-25T11:00:00Z' }, [first, other]],
    [{ after: '2026-11-25T11:30:00Z' }, [second]],
    [{ after: '2026-11-25T09:00:00Z', before: '2026-11-25T10:30:00Z' }, [first]],
    [{ host: 'web' }, []],
    [{ tags: { any: ['nightly'] } }, []],
    [{ paths: ['/srv'] }, []],
    [{ tags: { all: [] } }, [other, second]],
  ])('that match %j', async (filter, ids) => {
    expect(await idsOf(filter)).toEqual(ids);
  });
});

describe('a reference', () => {
  it.each([
    ['a', {}, [second, second, first]],
    ['b@1', {}, [other, other]],
    [first, {}, [first, first]],
    [other, {}, [other, other]],
    ['a@2026-11-25T11:59:00Z', {}, [first, first]],
    ['b@1@2026-11-25T12:00:00Z', {}, [other, other]],
    ['a', { at: '2026-11-25T11:59:00Z' }, [first, first]],
    ['a@2026-11-25T13:00:00Z', { at: '2026-11-25T11:00:00Z' }, [first, first]],
    ['a@2026-11-25T09:59:00Z', {}, []],
    ['a@20261125T100000.001Z', {}, []],
    ['latest', {}, []],
    ['A', {}, []],
    ['', {}, []],
    ['a', { filter: { host: 'web' } }, []],
  ] as const)('%j with %j means, and deletes, %j', async (reference, options, ids) => {
    expect(await find(reference, options)).toEqual(ids);
  });
});

const backupsOf = async (context: ValuesContext): Promise<ValueBackup[]> =>
  (await loadKey(context, parseValueKey('a'), {})).versions.map(valueBackup);

describe('removing', () => {
  it('all versions of a key leaves nothing of it', async () => {
    const context = await newShelf();
    expect(await removeValueBackups(context, await backupsOf(context))).toEqual({
      removed: [second, first],
      failed: [],
    });
    expect(await Array.fromAsync(context.storage.list('values/a/'))).toEqual([]);
  });

  it('one version leaves the others', async () => {
    const context = await newShelf();
    await removeValueBackups(context, (await backupsOf(context)).slice(0, 1));
    expect((await readValue(context, 'a', {}))?.value).toBe('first');
  });

  it('keeps what came after it was decided', async () => {
    const context = await newShelf();
    const decided = await backupsOf(context);
    await setValue(context, 'a', 'third', {});
    await removeValueBackups(context, decided);
    expect((await backupsOf(context)).map(({ time }) => time.toISOString())).toEqual(['2026-11-25T13:00:00.000Z']);
  });
});
