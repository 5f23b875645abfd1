import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { concatBytes, equalBytes, utf8 } from '../base/bytes.ts';
import type { ErrorCode } from '../base/error-codes.ts';
import { hasCode } from '../base/errors.ts';
import type { ObjectName, Storage, StorageFeatures } from './storage.ts';

/** Opens a new, empty storage; the case disposes it. */
export type MakeStorage = () => Promise<Storage>;

/** One promise of the storage contract as a test for any runner. */
export interface ConformanceCase {
  readonly name: string;
  /** Features without which the case says nothing about a storage. */
  readonly requires: readonly BooleanFeature[];
  /** Rejects where the storage breaks the promise. */
  run(makeStorage: MakeStorage, signal: AbortSignal): Promise<void>;
}

type BooleanFeature = {
  [K in keyof StorageFeatures]-?: StorageFeatures[K] extends boolean ? K : never;
}[keyof StorageFeatures];

type Body = (storage: Storage, signal: AbortSignal) => Promise<void>;

/**
 * What every storage has to do:
 * `for (const c of storageConformance) test(c.name, ({ signal }) => c.run(makeStorage, signal))`.
 */
export const storageConformance: readonly ConformanceCase[] = [
  conform('gives back what was written', async (storage) => {
    await storage.write('config', utf8('hello'));
    assert.deepEqual(await text(storage, 'config'), 'hello');
  }),
  conform('keeps every byte value and large objects', async (storage) => {
    const bytes = new Uint8Array(randomBytes(5 * 1024 * 1024 + 1));
    await storage.write('data/ab/large', bytes);
    assert.ok(equalBytes(await storage.read('data/ab/large'), bytes), 'content differs');
  }),
  conform('keeps an empty object', async (storage) => {
    await storage.write('locks/empty', new Uint8Array());
    assert.equal((await storage.read('locks/empty')).length, 0);
    assert.deepEqual(await storage.stat('locks/empty'), { name: 'locks/empty', sizeBytes: 0 });
    await storage.write('locks/none', []);
    assert.equal((await storage.read('locks/none')).length, 0);
  }),
  conform('joins the parts of a write', async (storage) => {
    const parts = Array.from({ length: 3000 }, (_, index) => utf8(index % 7 === 0 ? '' : `part ${index};`));
    await storage.write('data/ab/parts', parts);
    assert.ok(equalBytes(await storage.read('data/ab/parts'), concatBytes(parts)), 'content differs');
  }),
  conform('writes views of shared memory', async (storage) => {
    const shared = new Uint8Array(new SharedArrayBuffer(300_000)).fill(7);
    await storage.write('data/ab/shared', [shared.subarray(100, 200_100), utf8('!')]);
    const bytes = await storage.read('data/ab/shared');
    assert.equal(bytes.length, 200_001);
    assert.ok(bytes.subarray(0, 200_000).every((byte) => byte === 7));
  }),
  conform('gives results that the caller may change', async (storage) => {
    await storage.write('config', utf8('hello'));
    const [first, second] = await Promise.all([storage.read('config'), storage.read('config')]);
    first.fill(0);
    structuredClone(first, { transfer: [first.buffer] });
    assert.equal(Buffer.from(second).toString(), 'hello');
    assert.equal(await text(storage, 'config'), 'hello');
  }),
  conform('does not look at the data after a write', async (storage) => {
    const bytes = utf8('hello');
    await storage.write('config', bytes);
    bytes.fill(0);
    assert.equal(await text(storage, 'config'), 'hello');
  }),
  conform('replaces an object', async (storage) => {
    await storage.write('config', utf8('a longer text'));
    await storage.write('config', utf8('short'));
    assert.equal(await text(storage, 'config'), 'short');
    assert.deepEqual(await names(storage, ''), ['config']);
  }),
  conform('refuses to replace with ifAbsent', async (storage) => {
    await storage.write('config', utf8('first'), { ifAbsent: true });
    await rejectsWith('OBJECT_EXISTS', () => storage.write('config', utf8('second'), { ifAbsent: true }));
    assert.equal(await text(storage, 'config'), 'first');
    assert.deepEqual(await names(storage, ''), ['config']);
  }),
  conform('lets one of many writers win with ifAbsent', async (storage) => {
    const writers = Array.from({ length: 8 }, (_, index) =>
      storage.write('config', utf8(`writer ${index}`), { ifAbsent: true }).then(
        () => index,
        (error: unknown) => (hasCode(error, 'OBJECT_EXISTS') ? undefined : Promise.reject(error)),
      ),
    );
    const winners = (await Promise.all(writers)).filter((index) => index !== undefined);
    assert.equal(winners.length, 1);
    assert.equal(await text(storage, 'config'), `writer ${winners[0]}`);
  }),
  conform('reads ranges', async (storage) => {
    await storage.write('data/ab/x', utf8('0123456789'));
    const range = async (offset: number, length?: number): Promise<string> =>
      Buffer.from(await storage.read('data/ab/x', length === undefined ? { offset } : { offset, length })).toString();
    assert.equal(await range(0, 1), '0');
    assert.equal(await range(3, 4), '3456');
    assert.equal(await range(9, 1), '9');
    assert.equal(await range(7), '789');
    assert.equal(await range(0, 10), '0123456789');
    assert.equal(await range(4, 0), '');
    assert.equal(await range(10), '');
  }),
  conform('refuses ranges outside the object', async (storage) => {
    await storage.write('data/ab/x', utf8('0123456789'));
    for (const range of [{ offset: 8, length: 3 }, { offset: 11 }, { length: 11 }, { offset: 2 ** 40, length: 1 }]) {
      await rejectsWith('OBJECT_TRUNCATED', () => storage.read('data/ab/x', range));
    }
  }),
  conform('tells a missing object from an empty one', async (storage) => {
    await rejectsWith('OBJECT_MISSING', () => storage.read('data/ab/none'));
    await rejectsWith('OBJECT_MISSING', () => storage.read('none', { offset: 3, length: 4 }));
    assert.equal(await storage.stat('data/ab/none'), undefined);
  }),
  conform('does not take a folder for an object', async (storage) => {
    await storage.write('data/ab/x', utf8('x'));
    await rejectsWith('OBJECT_MISSING', () => storage.read('data/ab'));
    assert.equal(await storage.stat('data/ab'), undefined);
    await rejectsWith('OBJECT_MISSING', () => storage.read('data/ab/x/y'));
    assert.equal(await storage.stat('data/ab/x/y'), undefined);
  }),
  conform('tells the size', async (storage) => {
    await storage.write('keys/k', utf8('12345'));
    assert.deepEqual(await storage.stat('keys/k'), { name: 'keys/k', sizeBytes: 5 });
  }),
  conform('lists what is below a folder, with sizes', async (storage) => {
    await storage.write('config', utf8('c'));
    await storage.write('data/00/a', utf8('1'));
    await storage.write('data/ff/b', utf8('22'));
    await storage.write('database', utf8('3'));
    await storage.write('keys/k', utf8('333'));
    assert.deepEqual(await infos(storage, 'data/'), ['data/00/a 1', 'data/ff/b 2']);
    assert.deepEqual(await infos(storage, 'data/ff/'), ['data/ff/b 2']);
    assert.deepEqual(await names(storage, ''), ['config', 'data/00/a', 'data/ff/b', 'database', 'keys/k']);
  }),
  conform('lists a missing folder as empty', async (storage) => {
    assert.deepEqual(await names(storage, 'snapshots/'), []);
    assert.deepEqual(await names(storage, 'data/ab/'), []);
    assert.deepEqual(await names(storage, ''), []);
  }),
  conform('lists many objects once each', async (storage) => {
    const written = Array.from({ length: 300 }, (_, index) => `index/${String(index).padStart(4, '0')}`);
    for (let start = 0; start < written.length; start += 20) {
      await Promise.all(written.slice(start, start + 20).map((name) => storage.write(name, utf8(name))));
    }
    assert.deepEqual(await names(storage, 'index/'), written);
  }),
  conform('lets the reader of a listing stop, read and remove', async (storage) => {
    for (const name of ['index/a', 'index/b', 'index/c']) await storage.write(name, utf8(name));
    for await (const { name } of storage.list('index/')) {
      assert.equal(await text(storage, name), name);
      await storage.remove(name);
      break;
    }
    assert.equal((await names(storage, 'index/')).length, 2);
  }),
  conform('removes an object, and again', async (storage) => {
    await storage.write('locks/l', utf8('x'));
    await storage.remove('locks/l');
    await storage.remove('locks/l');
    await storage.remove('never/was');
    await rejectsWith('OBJECT_MISSING', () => storage.read('locks/l'));
    assert.deepEqual(await names(storage, ''), []);
  }),
  conform('removes many objects, and those that are not there', async (storage) => {
    const written = Array.from({ length: 24 }, (_, index) => `data/${index % 2}a/${index}`);
    await Promise.all(written.map((name) => storage.write(name, utf8(name))));
    await storage.write('config', utf8('c'));
    const absent = Array.from({ length: 1200 }, (_, index) => `data/0a/absent ${index}`);
    await storage.removeMany([...written.slice(0, 12), ...absent, ...written.slice(10, 20)]);
    assert.deepEqual(await names(storage, ''), ['config', ...written.slice(20)].toSorted());
  }),
  conform('removes nothing when asked to remove no objects', async (storage) => {
    await storage.write('config', utf8('c'));
    await storage.removeMany([]);
    assert.deepEqual(await names(storage, ''), ['config']);
  }),
  conform('removes none of many when one has no valid name', async (storage) => {
    await storage.write('config', utf8('c'));
    await rejectsWith('OBJECT_NAME_INVALID', () => storage.removeMany(['config', 'a/../b']));
    assert.deepEqual(await names(storage, ''), ['config']);
  }),
  conform('removes many objects with unusual names', async (storage) => {
    const odd = ['a&b/<c>', `q"u'o/te`, ' lead/ing', "replicas/!$&'()*+,;=@#?/x", 'values/a b/%2e'];
    for (const name of odd) await storage.write(name, utf8(name));
    await storage.removeMany(odd);
    assert.deepEqual(await names(storage, ''), []);
  }),
  conform('writes again what was removed', async (storage) => {
    await storage.write('locks/l', utf8('one'));
    await storage.remove('locks/l');
    await storage.write('locks/l', utf8('two'), { ifAbsent: true });
    assert.equal(await text(storage, 'locks/l'), 'two');
  }),
  conform('takes unusual but valid names', async (storage) => {
    const odd = ['values/a b/%2e%2e/é'.replace('é', 'e~'), "replicas/!$&'()*+,;=@#?/x", `archives/${'n'.repeat(240)}`];
    for (const name of odd) await storage.write(name, utf8(name));
    assert.deepEqual(await names(storage, ''), odd.toSorted());
    for (const name of odd) assert.equal(await text(storage, name), name);
  }),
  conform('refuses names that could leave the storage or are no names', async (storage) => {
    const bad = [
      '',
      '/',
      '/etc/passwd',
      '../x',
      'a/../x',
      'a/./x',
      './a',
      'a//x',
      'a/',
      '..',
      'a\0b',
      'a\\b',
      'a\nb',
      'é',
    ];
    for (const name of [...bad, 'x'.repeat(300), 'a/'.repeat(600) + 'x', 'index/ab-tmp-123']) {
      await rejectsWith('OBJECT_NAME_INVALID', () => storage.write(name, utf8('x')));
      await rejectsWith('OBJECT_NAME_INVALID', () => storage.read(name));
      await rejectsWith('OBJECT_NAME_INVALID', () => storage.stat(name));
      await rejectsWith('OBJECT_NAME_INVALID', () => storage.remove(name));
    }
    for (const prefix of ['data', '/', '../', 'a//', './']) {
      await rejectsWith('OBJECT_NAME_INVALID', () => names(storage, prefix));
    }
  }),
  conform('makes the place twice without harm', async (storage) => {
    await storage.write('config', utf8('c'));
    await storage.create();
    assert.equal(await text(storage, 'config'), 'c');
  }),
  conform('stops with the reason of an aborted signal', async (storage) => {
    await storage.write('config', utf8('c'));
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    const calls: readonly (() => Promise<unknown>)[] = [
      () => storage.create({ signal }),
      () => storage.read('config', { signal }),
      () => storage.stat('config', { signal }),
      () => storage.write('other', utf8('x'), { signal }),
      () => storage.remove('config', { signal }),
      () => storage.removeMany(['config'], { signal }),
      () => Array.fromAsync(storage.list('', { signal })),
    ];
    for (const call of calls) await assert.rejects(call(), (error) => error === reason);
    assert.deepEqual(await names(storage, ''), ['config']);
  }),
  conform('serves many operations at once', async (storage) => {
    const all = Array.from({ length: 24 }, (_, index) => `data/${index % 3}a/${index}`);
    await Promise.all(all.map((name) => storage.write(name, utf8(name.repeat(1000)))));
    const read = await Promise.all(all.map((name) => storage.read(name, { offset: 0, length: name.length })));
    assert.deepEqual(
      read.map((bytes) => Buffer.from(bytes).toString()),
      all,
    );
  }),
  conform(
    'shows readers whole objects only',
    async (storage, signal) => {
      const versions = [1, 2].map((fill) => new Uint8Array(400_000 * fill).fill(fill));
      const [first, second] = versions;
      assert.ok(first !== undefined && second !== undefined);
      await storage.write('config', first);
      const whole = async (): Promise<void> => {
        signal.throwIfAborted();
        const bytes = await storage.read('config');
        const known = versions.some((version) => equalBytes(version, bytes));
        assert.ok(known, `${bytes.length} bytes of neither version`);
      };
      for (let round = 0; round < 10; round++) {
        const write = storage.write('config', round % 2 === 0 ? second : first);
        await Promise.all([write, ...Array.from({ length: 10 }, whole)]);
      }
    },
    ['atomicWrite'],
  ),
];

function conform(name: string, body: Body, requires: readonly BooleanFeature[] = []): ConformanceCase {
  return {
    name,
    requires,
    async run(makeStorage, signal) {
      await using storage = await makeStorage();
      await storage.create({ signal });
      await body(storage, signal);
    },
  };
}

async function text(storage: Storage, name: ObjectName): Promise<string> {
  return Buffer.from(await storage.read(name)).toString();
}

async function names(storage: Storage, prefix: string): Promise<string[]> {
  return (await Array.fromAsync(storage.list(prefix), ({ name }) => name)).toSorted();
}

async function infos(storage: Storage, prefix: string): Promise<string[]> {
  return (await Array.fromAsync(storage.list(prefix), ({ name, sizeBytes }) => `${name} ${sizeBytes}`)).toSorted();
}

async function rejectsWith(code: ErrorCode, call: () => Promise<unknown>): Promise<void> {
  // A driver that throws at once instead of rejecting is caught as well.
  await assert.rejects((async () => call())(), (error) => hasCode(error, code) || reject(error, code));
}

function reject(error: unknown, code: ErrorCode): never {
  throw new assert.AssertionError({ message: `expected ${code}, got ${String(error)}` });
}
