import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { concatBytes, equalBytes, utf8 } from '../base/bytes.ts';
import { mapConcurrent } from '../base/concurrency.ts';
import type { ErrorCode } from '../base/error-codes.ts';
import { hasCode } from '../base/errors.ts';
import { handOverCases } from './hand-over-conformance.ts';
import type { ObjectName, Storage, StorageFeatures } from './storage.ts';
import { streamCases } from './stream-conformance.ts';

/** Opens a new, empty storage; the case disposes it. */
export type MakeStorage = () => Promise<Storage>;

/** One promise of the storage contract as a test for any runner. */
export interface ConformanceCase {
  readonly name: string;
  /** Features without which the case says nothing about a storage. */
  readonly requires: readonly BooleanFeature[];
  /** Features with which the case cannot be asked of a storage. */
  readonly unless: readonly BooleanFeature[];
  /** Rejects where the storage breaks the promise. */
  run(makeStorage: MakeStorage, signal: AbortSignal): Promise<void>;
}

type BooleanFeature = {
  [K in keyof StorageFeatures]-?: StorageFeatures[K] extends boolean | undefined ? K : never;
}[keyof StorageFeatures];

type Body = (storage: Storage, signal: AbortSignal) => Promise<void>;

/** Whether a case is to be asked of a storage with these features. */
export function appliesTo({ requires, unless }: ConformanceCase, features: StorageFeatures): boolean {
  return (
    requires.every((feature) => features[feature] === true) && !unless.some((feature) => features[feature] === true)
  );
}

/**
 * What every storage has to do. Objects have the names that a repository would give them, so that storages which take
 * no others can be asked as well:
 * `for (const c of storageConformance) if (appliesTo(c, features)) test(c.name, ({ signal }) => c.run(makeStorage, signal))`.
 */
export const storageConformance: readonly ConformanceCase[] = [
  conform('gives back what was written', async (storage) => {
    await storage.write('config', utf8('hello'));
    assert.deepEqual(await text(storage, 'config'), 'hello');
  }),
  conform('keeps every byte value and large objects', async (storage) => {
    const bytes = new Uint8Array(randomBytes(5 * 1024 * 1024 + 1));
    const name = named('data', bytes);
    await storage.write(name, bytes);
    assert.ok(equalBytes(await storage.read(name), bytes), 'content differs');
  }),
  conform('keeps an empty object', async (storage) => {
    const name = named('locks', new Uint8Array());
    await storage.write(name, new Uint8Array());
    assert.equal((await storage.read(name)).length, 0);
    assert.deepEqual(await storage.stat(name), { name, sizeBytes: 0 });
    const noParts = named('keys', new Uint8Array());
    await storage.write(noParts, []);
    assert.equal((await storage.read(noParts)).length, 0);
  }),
  conform('tells no time of what is not there, nor an older one of what came later', async (storage) => {
    const [first, second] = [named('locks', utf8('first')), named('locks', utf8('second'))];
    await storage.write(first, utf8('first'));
    await storage.write(second, utf8('second'));
    const earlier = (await storage.writtenAt?.(first)) ?? 0;
    assert.ok(earlier <= ((await storage.writtenAt?.(second)) ?? 0), 'the second one is older');
    assert.equal(await storage.writtenAt?.(named('locks', utf8('none'))), undefined);
  }),
  conform('joins the parts of a write', async (storage) => {
    const parts = Array.from({ length: 3000 }, (_, index) => utf8(index % 7 === 0 ? '' : `part ${index};`));
    const name = named('data', concatBytes(parts));
    await storage.write(name, parts);
    assert.ok(equalBytes(await storage.read(name), concatBytes(parts)), 'content differs');
  }),
  conform('writes views of shared memory', async (storage) => {
    const shared = new Uint8Array(new SharedArrayBuffer(300_000)).fill(7);
    const parts = [shared.subarray(100, 200_100), utf8('!')];
    const name = named('data', concatBytes(parts));
    await storage.write(name, parts);
    const bytes = await storage.read(name);
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
  conform(
    'lets one of many writers win with ifAbsent',
    async (storage) => {
      const writers = Array.from({ length: 8 }, (_, index) =>
        storage.write('config', utf8(`writer ${index}`), { ifAbsent: true }).then(
          () => index,
          (error: unknown) => (hasCode(error, 'OBJECT_EXISTS') ? undefined : Promise.reject(error)),
        ),
      );
      const winners = (await Promise.all(writers)).filter((index) => index !== undefined);
      assert.equal(winners.length, 1);
      assert.equal(await text(storage, 'config'), `writer ${winners[0]}`);
    },
    { unless: ['looseIfAbsent'] },
  ),
  conform('reads ranges', async (storage) => {
    const name = await save(storage, 'data', '0123456789');
    const range = async (offset: number, length?: number): Promise<string> =>
      Buffer.from(await storage.read(name, length === undefined ? { offset } : { offset, length })).toString();
    assert.equal(await range(0, 1), '0');
    assert.equal(await range(3, 4), '3456');
    assert.equal(await range(9, 1), '9');
    assert.equal(await range(7), '789');
    assert.equal(await range(0, 10), '0123456789');
    assert.equal(await range(4, 0), '');
    assert.equal(await range(10), '');
  }),
  conform('refuses ranges outside the object', async (storage) => {
    const name = await save(storage, 'data', '0123456789');
    for (const range of [{ offset: 8, length: 3 }, { offset: 11 }, { length: 11 }, { offset: 2 ** 40, length: 1 }]) {
      await rejectsWith('OBJECT_TRUNCATED', () => storage.read(name, range));
    }
  }),
  conform('tells a missing object from an empty one', async (storage) => {
    for (const name of ['data/ab/none', 'none', 'config', named('data', utf8('nowhere'))]) {
      await rejectsWith('OBJECT_MISSING', () => storage.read(name));
      await rejectsWith('OBJECT_MISSING', () => storage.read(name, { offset: 3, length: 4 }));
      await rejectsWith('OBJECT_MISSING', () => storage.read(name, { offset: 3, length: 0 }));
      assert.equal(await storage.stat(name), undefined);
    }
  }),
  conform('does not take a folder for an object', async (storage) => {
    const name = await save(storage, 'data', 'x');
    for (const other of ['data', name.slice(0, name.lastIndexOf('/')), `${name}/y`]) {
      await rejectsWith('OBJECT_MISSING', () => storage.read(other));
      assert.equal(await storage.stat(other), undefined);
    }
  }),
  conform('tells the size', async (storage) => {
    const name = await save(storage, 'keys', '12345');
    assert.deepEqual(await storage.stat(name), { name, sizeBytes: 5 });
  }),
  conform('lists what is below a folder, with sizes', async (storage) => {
    await storage.write('config', utf8('c'));
    const [one, two] = [await save(storage, 'data', '1'), await save(storage, 'data', '22')];
    const key = await save(storage, 'keys', '333');
    assert.deepEqual(await infos(storage, 'data/'), [`${one} 1`, `${two} 2`].toSorted());
    assert.deepEqual(await infos(storage, one.slice(0, one.lastIndexOf('/') + 1)), [`${one} 1`]);
    assert.deepEqual(await infos(storage, 'keys/'), [`${key} 3`]);
    assert.deepEqual(await names(storage, ''), ['config', one, two, key].toSorted());
  }),
  conform(
    'does not list what only begins like a folder',
    async (storage) => {
      await storage.write('data/00/a', utf8('1'));
      await storage.write('database', utf8('3'));
      await storage.write('data2/00/a', utf8('1'));
      assert.deepEqual(await names(storage, 'data/'), ['data/00/a']);
    },
    { unless: ['resticNamesOnly'] },
  ),
  conform('lists a missing folder as empty', async (storage) => {
    assert.deepEqual(await names(storage, 'snapshots/'), []);
    assert.deepEqual(await names(storage, 'data/ab/'), []);
    assert.deepEqual(await names(storage, ''), []);
  }),
  conform('lists many objects once each', async (storage) => {
    const written = await saveMany(storage, 'index', 300);
    assert.deepEqual(await names(storage, 'index/'), written.toSorted());
  }),
  conform('lets the reader of a listing stop, read and remove', async (storage) => {
    for (const content of ['a', 'b', 'c']) await save(storage, 'index', content);
    for await (const { name } of storage.list('index/')) {
      assert.equal(named('index', await storage.read(name)), name);
      await storage.remove(name);
      break;
    }
    assert.equal((await names(storage, 'index/')).length, 2);
  }),
  conform('removes an object, and again', async (storage) => {
    const name = await save(storage, 'locks', 'x');
    await storage.remove(name);
    await storage.remove(name);
    await storage.remove('never/was');
    await rejectsWith('OBJECT_MISSING', () => storage.read(name));
    assert.deepEqual(await names(storage, ''), []);
  }),
  conform('removes many objects, and those that are not there', async (storage) => {
    const written = await saveMany(storage, 'data', 24);
    await storage.write('config', utf8('c'));
    const absent = Array.from({ length: 1200 }, (_, index) => named('data', utf8(`absent ${index}`)));
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
  conform(
    'removes many objects with unusual names',
    async (storage) => {
      const odd = ['a&b/<c>', `q"u'o/te`, ' lead/ing', "replicas/!$&'()*+,;=@#?/x", 'values/a b/%2e'];
      for (const name of odd) await storage.write(name, utf8(name));
      await storage.removeMany(odd);
      assert.deepEqual(await names(storage, ''), []);
    },
    { unless: ['resticNamesOnly'] },
  ),
  conform('writes again what was removed', async (storage) => {
    await storage.write('config', utf8('one'));
    await storage.remove('config');
    await storage.write('config', utf8('two'), { ifAbsent: true });
    assert.equal(await text(storage, 'config'), 'two');
    const lock = await save(storage, 'locks', 'l');
    await storage.remove(lock);
    await storage.write(lock, utf8('l'), { ifAbsent: true });
    assert.equal(await text(storage, lock), 'l');
  }),
  conform(
    'takes unusual but valid names',
    async (storage) => {
      const odd = [
        'values/a b/%2e%2e/é'.replace('é', 'e~'),
        "replicas/!$&'()*+,;=@#?/x",
        `archives/${'n'.repeat(240)}`,
      ];
      for (const name of odd) await storage.write(name, utf8(name));
      assert.deepEqual(await names(storage, ''), odd.toSorted());
      for (const name of odd) assert.equal(await text(storage, name), name);
    },
    { unless: ['resticNamesOnly'] },
  ),
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
    const all = Array.from({ length: 24 }, (_, index) => String(index).padStart(9, '0'));
    const written = await Promise.all(all.map((content) => save(storage, 'data', content.repeat(1000))));
    const read = await Promise.all(written.map((name) => storage.read(name, { offset: 0, length: 9 })));
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
    { requires: ['atomicWrite'] },
  ),
  ...handOverCases.map((one) => conform(one.name, one.body, { requires: ['handsOver'] })),
  ...streamCases.map((one) => conform(one.name, one.body, { unless: ['resticNamesOnly'] })),
];

function conform(
  name: string,
  body: Body,
  { requires = [], unless = [] }: Partial<Pick<ConformanceCase, 'requires' | 'unless'>> = {},
): ConformanceCase {
  return {
    name,
    requires,
    unless,
    async run(makeStorage, signal) {
      await using storage = await makeStorage();
      await storage.create({ signal });
      await body(storage, signal);
    },
  };
}

/** The name that a repository gives to a file with this content. */
function named(folder: string, content: Uint8Array): ObjectName {
  const id = createHash('sha256').update(content).digest('hex');
  return folder === 'data' ? `data/${id.slice(0, 2)}/${id}` : `${folder}/${id}`;
}

/** Writes `content` under the name it gives. */
async function save(storage: Storage, folder: string, content: string): Promise<ObjectName> {
  const bytes = utf8(content);
  const name = named(folder, bytes);
  await storage.write(name, bytes);
  return name;
}

/** Writes so many small objects, some at once. */
async function saveMany(storage: Storage, folder: string, count: number): Promise<ObjectName[]> {
  return mapConcurrent(Array.from({ length: count }).keys(), { limit: 20 }, (index) =>
    save(storage, folder, `${folder} ${index}`),
  );
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
