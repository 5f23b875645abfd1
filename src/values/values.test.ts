import { randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { Secret } from '../base/secret.ts';
import { openMemoryStorage } from '../storage/drivers/memory.ts';
import { StorageLayer } from '../storage/layers/storage-layer.ts';
import type { Storage } from '../storage/storage.ts';
import { checkValues, type ValueFinding } from './check-values.ts';
import { deleteValue, settleValues } from './delete-value.ts';
import { listValues, versionsOfKey } from './list-values.ts';
import { readValue, readValueOrThrow } from './read-value.ts';
import { applySchema } from './value-schema.ts';
import type { ValuesContext } from './value-shelf.ts';
import { setValue, type SetValueOptions } from './write-value.ts';

const startMs = Date.UTC(2026, 10, 25, 23, 30);
const circle: unknown[] = [];
circle.push(circle);

/** A shelf whose clock moves only when it is told to. */
class Shelf implements ValuesContext {
  readonly storage = openMemoryStorage();
  readonly workFactor = 4;
  readonly warnings: string[] = [];
  readonly warn = (message: string): void => void this.warnings.push(message);
  nowMs = startMs;
  readonly clock: Clock = { nowNs: () => BigInt(this.nowMs) * 1_000_000n, sleep: async () => {} };

  /** The same with another storage. */
  on(storage: Storage): ValuesContext {
    const { clock, warn, workFactor } = this;
    return { storage, clock, warn, workFactor };
  }

  /** One millisecond later than the one before. */
  async set(key: string, value: unknown, options: SetValueOptions = {}): Promise<string> {
    this.nowMs++;
    return (await setValue(this, key, value, options)).id;
  }

  async get(key: string, options: Parameters<typeof readValue>[2] = {}): Promise<unknown> {
    return (await readValue(this, key, options))?.value;
  }

  async names(): Promise<string[]> {
    return (await Array.fromAsync(this.storage.list(''), ({ name }) => name)).toSorted();
  }

  async findings(readData = false): Promise<ValueFinding[]> {
    const found: ValueFinding[] = [];
    await checkValues(this, { readData, onFinding: (finding) => found.push(finding) });
    return found;
  }

  /** Flips a bit of the newest object of a key. */
  async damage(object: string): Promise<void> {
    const bytes = await this.storage.read(object);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    await this.storage.write(object, bytes);
  }
}

const forms: readonly (readonly [string, SetValueOptions])[] = [
  ['json.gz', {}],
  ['json', { compress: false }],
  ['json.gz.age', { password: 'pass' }],
  ['json.age', { password: new Secret('pass'), compress: false }],
];

describe('a value', () => {
  it.each(forms)('B52: of the form %s comes back as it was', async (ending, options) => {
    const shelf = new Shelf();
    const value = { some: 'data', list: [1, -0.5, null, true], text: 'zoë 語', deep: { er: [] } };
    await shelf.set('mykey', value, options);
    expect(await shelf.get('mykey', { password: 'pass' })).toEqual(value);
    const [name = ''] = await shelf.names();
    expect(name).toMatch(new RegExp(`^values/mykey/20261125T233000\\.001Z\\.[0-9a-f]{16}\\.${ending}$`));
  });

  it('B52: is gzip of JSON by default, which any program reads', async () => {
    const shelf = new Shelf();
    await shelf.set('mykey', { some: 'data' });
    const [name = ''] = await shelf.names();
    expect(gunzipSync(await shelf.storage.read(name)).toString()).toBe('{"some":"data"}');
  });

  it('B53: may change its form with every set', async () => {
    const shelf = new Shelf();
    for (const [ending, options] of forms) {
      await shelf.set('mykey', ending, options);
      expect(await shelf.get('mykey', { password: 'pass' })).toBe(ending);
    }
  });

  it.each([
    ['NaN', Number.NaN],
    ['a bigint', 10n],
    ['undefined', undefined],
    ['a function inside', { run: () => {} }],
    ['a map', { map: new Map([[1, 2]]) }],
    ['bytes', { bytes: new Uint8Array(2) }],
    ['a circle', circle],
  ])('is refused where JSON would lose it: %s', async (_, value) => {
    const shelf = new Shelf();
    await expect(shelf.set('mykey', value)).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
    expect(await shelf.names()).toEqual([]);
  });

  it('has at most 16 MiB of JSON', async () => {
    const shelf = new Shelf();
    const most = 'x'.repeat(16 * 1024 * 1024 - 2);
    await shelf.set('most', most);
    expect(await shelf.get('most')).toBe(most);
    await expect(shelf.set('more', `${most}x`)).rejects.toMatchObject({ code: 'VALUE_TOO_LARGE' });
  });

  it('that would unpack to more than that is damaged, not unpacked', async () => {
    const shelf = new Shelf();
    await shelf.set('bomb', 'x'.repeat(16 * 1024 * 1024 - 2));
    const { gzipSync } = await import('node:zlib');
    const { checksumOf, versionObject } = await import('./value-name.ts');
    const { parseValueKey } = await import('./value-key.ts');
    const bytes = gzipSync(Buffer.alloc(64 * 1024 * 1024, 0x20));
    const stamp = { timeMs: startMs + 10, number: 1 };
    const form = { stamp, checksum: checksumOf(bytes), compressed: true, encrypted: false };
    await shelf.storage.write(versionObject(parseValueKey('bomb'), form), bytes);
    await expect(shelf.get('bomb')).rejects.toMatchObject({ code: 'VALUE_CORRUPT' });
  });

  it('never stands in an error of its schema', async () => {
    const shelf = new Shelf();
    await shelf.set('user', { name: 'ada', age: 'hunter2' });
    const { version, value } = await readValueOrThrow(shelf, 'user', {});
    const refusal = applySchema(version.key, value, z.object({ name: z.string(), age: z.number() }));
    await expect(refusal).rejects.toMatchObject({ code: 'VALUE_INVALID', message: expect.stringContaining('at age') });
    const byFunction = applySchema(version.key, value, (input) => {
      throw new Error(`not ${JSON.stringify(input)}`);
    });
    await expect(byFunction).rejects.toMatchObject({ message: expect.not.stringContaining('hunter2') });
  });

  it('has the type of its schema', async () => {
    const shelf = new Shelf();
    await shelf.set('user', { name: 'ada', age: 36 });
    const { version, value } = await readValueOrThrow(shelf, 'user', {});
    const user: { readonly age: number } = await applySchema(version.key, value, z.object({ age: z.number() }));
    expect(user.age).toBe(36);
    expect(await applySchema(version.key, value, (input) => JSON.stringify(input).length)).toBe(23);
  });
});

describe('an encrypted value', () => {
  it('B53: says what it needs, and that a password is wrong', async () => {
    const shelf = new Shelf();
    await shelf.set('mykey', 'secret', { password: 'right' });
    await expect(shelf.get('mykey')).rejects.toMatchObject({ code: 'PASSWORD_MISSING' });
    await expect(shelf.get('mykey', { password: 'wrong' })).rejects.toMatchObject({ code: 'PASSWORD_WRONG' });
    await expect(shelf.get('mykey', { identities: ['AGE-SECRET-KEY-1X'] })).rejects.toMatchObject({
      code: 'PASSWORD_MISSING',
    });
  });

  it('can be written by who cannot read it', async () => {
    const { generateX25519Identity, identityToRecipient } = await import('age-encryption');
    const identity = await generateX25519Identity();
    const shelf = new Shelf();
    await shelf.set('mykey', 'secret', { recipients: [await identityToRecipient(identity)] });
    expect(await shelf.get('mykey', { identities: [identity] })).toBe('secret');
    await expect(shelf.get('mykey', { password: 'x' })).rejects.toMatchObject({ code: 'IDENTITY_MISSING' });
    const other = await generateX25519Identity();
    await expect(shelf.get('mykey', { identities: [other] })).rejects.toMatchObject({ code: 'IDENTITY_WRONG' });
  });

  it('asks for the password only where it is needed', async () => {
    const shelf = new Shelf();
    await shelf.set('plain', 1);
    let asked = 0;
    const password = async (): Promise<Secret> => new Secret(`asked ${++asked} times`);
    expect(await shelf.get('plain', { password })).toBe(1);
    expect(await shelf.get('absent', { password })).toBeUndefined();
    expect(asked).toBe(0);
  });

  it('takes a password or recipients, not both', async () => {
    const both = new Shelf().set('k', 1, { password: 'x', recipients: ['age1x'] });
    await expect(both).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  });
});

describe('versions', () => {
  it('are all kept, and one is read by its time', async () => {
    const shelf = new Shelf();
    for (const value of ['one', 'two', 'three']) await shelf.set('k', value);
    expect((await versionsOfKey(shelf, 'k', {})).map(({ time }) => time.getTime() - startMs)).toEqual([3, 2, 1]);
    expect(await shelf.get('k', { at: new Date(startMs + 2) })).toBe('two');
    await expect(readValueOrThrow(shelf, 'k', { at: new Date(startMs) })).rejects.toMatchObject({
      code: 'VALUE_MISSING',
      hint: expect.stringContaining('2026-11-25T23:30:00.001Z'),
    });
  });

  it('are kept up to a number that is asked for', async () => {
    const shelf = new Shelf();
    for (const value of [1, 2, 3, 4]) await shelf.set('k', value);
    await shelf.set('k', 5, { keep: 2 });
    expect(await versionsOfKey(shelf, 'k', {})).toHaveLength(2);
    expect(await shelf.get('k')).toBe(5);
    await expect(shelf.set('k', 6, { keep: 0 })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  });

  it('of the same millisecond do not overwrite each other', async () => {
    const shelf = new Shelf();
    for (let i = 0; i < 12; i++) await setValue(shelf, 'k', i, {});
    expect(await shelf.get('k')).toBe(11);
    const ids = (await versionsOfKey(shelf, 'k', {})).map(({ id }) => id);
    expect(ids.at(0)).toBe('k@20261125T233000.000Z-12');
    expect(ids.at(-1)).toBe('k@20261125T233000.000Z');
    expect(await shelf.get('k', { id: 'k@20261125T233000.000Z-3' })).toBe(2);
    expect(await shelf.get('k', { id: 'k@20261125T233000.000Z-13' })).toBeUndefined();
    expect(new Set(ids).size).toBe(12);
  });

  it('of the same content at the same instant are two', async () => {
    const shelf = new Shelf();
    await Promise.all([1, 2, 3].map(() => setValue(shelf, 'k', 'same', {})));
    expect(await versionsOfKey(shelf, 'k', {})).toHaveLength(3);
  });

  it('by a clock that is behind are the newest all the same', async () => {
    const shelf = new Shelf();
    shelf.nowMs += 3_600_000;
    await shelf.set('k', 'of a clock ahead');
    shelf.nowMs = startMs;
    await shelf.set('k', 'newest');
    expect(await shelf.get('k')).toBe('newest');
  });

  it('of two writers at once are both kept, and all agree which is the newest', async () => {
    const shelf = new Shelf();
    await Promise.all(['a', 'b', 'c', 'd'].map((value) => setValue(shelf, 'k', value, {})));
    expect(await versionsOfKey(shelf, 'k', {})).toHaveLength(4);
    const [newest, ...older] = await versionsOfKey(shelf, 'k', {});
    expect(older.every(({ time }) => time <= (newest?.time ?? 0))).toBe(true);
    await setValue(shelf, 'k', 'last', {});
    expect(await shelf.get('k')).toBe('last');
  });
});

describe('damage', () => {
  it.each(forms)('of a version of the form %s is named, with the older ones that are there', async (_, options) => {
    const shelf = new Shelf();
    const older = await shelf.set('k', 'older', options);
    await shelf.set('k', randomBytes(40).toString('hex'), options);
    const [{ object } = { object: '' }] = await versionsOfKey(shelf, 'k', {});
    await shelf.damage(object);
    await expect(shelf.get('k', { password: 'pass' })).rejects.toMatchObject({
      code: 'VALUE_CORRUPT',
      message: expect.stringContaining(object),
      facts: { object, older: [older] },
    });
    expect(await shelf.get('k', { password: 'pass', at: new Date(startMs + 1) })).toBe('older');
    expect(await shelf.findings(true)).toMatchObject([{ kind: 'value-damaged', object }]);
  });

  it('on the way is not damage: the object is read again', async () => {
    const shelf = new Shelf();
    await shelf.set('k', 'value');
    let reads = 0;
    class OnceBad extends StorageLayer {
      override async read(...args: Parameters<StorageLayer['read']>): Promise<Uint8Array<ArrayBuffer>> {
        const bytes = await super.read(...args);
        return reads++ === 0 ? bytes.slice(0, 3) : bytes;
      }
    }
    const context = shelf.on(new OnceBad(shelf.storage));
    expect((await readValue(context, 'k', {}))?.value).toBe('value');
  });
});

describe('a deleted key', () => {
  it('B54: is gone with all versions, and says whether it was there', async () => {
    const shelf = new Shelf();
    await shelf.set('k', 1);
    await shelf.set('k', 2);
    await shelf.set('k2', 'another key that begins the same');
    expect(await deleteValue(shelf, 'k', {})).toBe(true);
    expect(await deleteValue(shelf, 'k', {})).toBe(false);
    expect(await shelf.get('k')).toBeUndefined();
    expect(await shelf.get('k2')).toBe('another key that begins the same');
    expect(await shelf.names()).toHaveLength(1);
  });

  it('is back with the next set, and only with it', async () => {
    const shelf = new Shelf();
    await shelf.set('k', 1);
    await deleteValue(shelf, 'k', {});
    shelf.nowMs = startMs;
    await shelf.set('k', 2);
    expect(await versionsOfKey(shelf, 'k', {})).toHaveLength(1);
  });

  it('is gone from the tombstone on, which check names and the next write settles', async () => {
    const shelf = new Shelf();
    await shelf.set('k', 1);
    await shelf.storage.write('values/k/20261125T233000.001Z.deleted', new Uint8Array([1]));
    expect(await shelf.get('k')).toBeUndefined();
    expect(await listValues(shelf, {})).toEqual([]);
    expect(await shelf.findings()).toMatchObject([{ kind: 'value-leftover' }]);
    await shelf.set('k', 2);
    expect(await shelf.get('k')).toBe(2);
    await settleValues(shelf, {});
    expect(await shelf.findings()).toEqual([]);
    expect(await versionsOfKey(shelf, 'k', {})).toHaveLength(1);
    expect(shelf.warnings).toEqual([]);
  });

  it('stays as it is where nothing may be removed', async () => {
    const { appendOnly } = await import('../storage/layers/append-only.ts');
    const shelf = new Shelf();
    await shelf.set('k', 1);
    const context = shelf.on(appendOnly(shelf.storage));
    await expect(deleteValue(context, 'k', {})).rejects.toMatchObject({ code: 'STORAGE_APPEND_ONLY' });
    expect(await shelf.get('k')).toBe(1);
  });
});

describe('the shelf', () => {
  it('lists its keys with their newest versions', async () => {
    const shelf = new Shelf();
    await shelf.set('b/1', 1, { password: 'x' });
    await shelf.set('a', 1);
    await shelf.set('a', 2, { compress: false });
    expect(await listValues(shelf, {})).toMatchObject([
      { key: 'a', versions: 2, compressed: false, encrypted: false, storedBytes: 1 },
      { key: 'b/1', versions: 1, compressed: true, encrypted: true },
    ]);
    expect(await listValues(shelf, { prefix: 'b/' })).toHaveLength(1);
  });

  it('names what does not belong there, and leaves it alone', async () => {
    const shelf = new Shelf();
    await shelf.set('k', 1);
    for (const name of ['values/k/notes.txt', 'values/Odd/20261125T233000.000Z.deleted', 'values/loose'])
      await shelf.storage.write(name, new Uint8Array([1]));
    expect((await shelf.findings()).map(({ kind, object }) => [kind, object])).toEqual([
      ['value-unknown', 'values/Odd/20261125T233000.000Z.deleted'],
      ['value-unknown', 'values/k/notes.txt'],
      ['value-unknown', 'values/loose'],
    ]);
    await deleteValue(shelf, 'k', {});
    expect(await shelf.names()).toHaveLength(3);
  });

  it('of a storage that knows files of restic only is empty, and takes nothing', async () => {
    const shelf = new Shelf();
    class ResticOnly extends StorageLayer {
      override get features(): StorageLayer['features'] {
        return { ...super.features, resticNamesOnly: true };
      }
    }
    const context = shelf.on(new ResticOnly(shelf.storage));
    expect(await listValues(context, {})).toEqual([]);
    expect(await readValue(context, 'k', {})).toBeUndefined();
    await expect(setValue(context, 'k', 1, {})).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  });
});
