import { describe, expect, it } from 'vitest';
import { type MirrorPair, mirrorPair, namesIn, textOf } from '../../../test/support/mirror-pair.ts';
import { HandingOver } from '../../../test/support/handing-over.ts';
import { utf8 } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { CairnError } from '../../base/errors.ts';
import { openMemoryStorage } from '../drivers/memory.ts';
import { faulty, type FaultyStorage } from '../layers/faulty.ts';
import type { ObjectName, ReadOptions } from '../storage.ts';
import { mirrored } from './mirror-storage.ts';

const unreachable = new CairnError('STORAGE_UNREACHABLE', 'no route', { retry: 'later' });

const stopped: Clock = {
  nowNs: () => 0n,
  sleep: (_, signal) =>
    new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true })),
};

/** Operations that read an object. */
function reads({ operations }: FaultyStorage): number {
  return operations.filter(({ kind }) => kind === 'read').length;
}

async function* stream(): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < 4; index++) yield utf8(`chunk ${index};`);
}

describe('a stream to a mirror', () => {
  it('reaches all, in step', async () => {
    const { mirror, first, other } = mirrorPair();
    expect(await mirror.writeStream('archives/a', stream())).toEqual({ sizeBytes: 32 });
    expect(await textOf(other, 'archives/a')).toBe(await textOf(first, 'archives/a'));
  });

  it('goes on without a member that fails in the middle of it, which shows nothing', async () => {
    const { mirror, first, other, changes } = mirrorPair();
    other.inject({ how: 'fail', when: ({ kind }) => kind === 'chunk' });
    expect(await mirror.writeStream('archives/a', stream())).toEqual({ sizeBytes: 32 });
    expect(await first.stat('archives/a')).toEqual({ name: 'archives/a', sizeBytes: 32 });
    expect(await other.stat('archives/a')).toBeUndefined();
    expect(changes).toMatchObject([{ type: 'behind', member: { url: 'memory:other' } }]);
  });

  it.each(['fail', 'fail-after'] as const)('is in no member where the first one does not take it (%s)', async (how) => {
    const { mirror, first, other, changes } = mirrorPair();
    first.inject({ how, when: ({ kind, name }) => kind === 'write' && name === 'archives/a' });
    await expect(mirror.writeStream('archives/a', stream())).rejects.toThrow('injected');
    expect(await other.stat('archives/a')).toBeUndefined();
    expect(changes).toEqual([]);
  });

  it('that fails itself is in none, and no member falls behind for it', async () => {
    const { mirror, other, changes } = mirrorPair();
    const failure = new Error('the dump failed');
    const failing = async function* (): AsyncGenerator<Uint8Array> {
      yield* stream();
      throw failure;
    };
    await expect(mirror.writeStream('archives/a', failing())).rejects.toBe(failure);
    expect([await namesIn(mirror), await namesIn(other), changes]).toEqual([[], [], []]);
  });

  it('is not given to a member that is behind', async () => {
    const { mirror, other } = mirrorPair();
    other.inject({ how: 'fail', times: 1, when: ({ kind }) => kind === 'write' });
    await mirror.write('archives/before', utf8('x'));
    await mirror.writeStream('archives/a', stream());
    expect(await namesIn(other)).toEqual([]);
    expect(mirror.report()[1]?.missedOperations).toBe(2);
  });

  it('tells of a member that holds something else under the name', async () => {
    const { mirror, other, changes } = mirrorPair();
    await other.write('archives/a', utf8('older'));
    await mirror.writeStream('archives/a', stream(), { ifAbsent: true });
    expect(changes).toMatchObject([{ type: 'behind' }]);
    expect(await textOf(other, 'archives/a')).toBe('older');
  });

  it('fails where fewer members hold it than were asked for', async () => {
    const { mirror, other } = mirrorPair(2);
    other.inject({ how: 'fail', when: ({ kind }) => kind === 'chunk' });
    await expect(mirror.writeStream('archives/a', stream())).rejects.toMatchObject({ code: 'MIRROR_BEHIND' });
  });
});

describe('writing to a mirror', () => {
  it('reaches all', async () => {
    const { mirror, first, other } = mirrorPair();
    await mirror.write('keys/k', utf8('k'));
    await mirror.write('data/aa/1', utf8('1'));
    expect([await namesIn(first), await namesIn(other)]).toEqual([
      ['data/aa/1', 'keys/k'],
      ['data/aa/1', 'keys/k'],
    ]);
  });

  it('removes from all', async () => {
    const { mirror, other } = mirrorPair();
    await mirror.write('index/a', utf8('a'));
    await mirror.write('index/b', utf8('b'));
    await mirror.removeMany(['index/a']);
    await mirror.remove('index/b');
    expect(await namesIn(other)).toEqual([]);
  });

  it('fails when the first one fails', async () => {
    const { mirror, first } = mirrorPair();
    first.inject({ how: 'fail', when: ({ kind }) => kind === 'write', error: unreachable });
    await expect(mirror.write('data/aa/1', utf8('1'))).rejects.toBe(unreachable);
  });

  it('writes what others refer to only where the first one has it', async () => {
    const { mirror, first, other } = mirrorPair();
    first.inject({ how: 'fail', when: ({ kind }) => kind === 'write', error: unreachable });
    await expect(mirror.write('snapshots/s', utf8('s'))).rejects.toBe(unreachable);
    expect(await namesIn(other)).toEqual([]);
  });

  it('goes on without one that fails and tells which fell behind, once', async () => {
    const { mirror, other, changes } = mirrorPair();
    await mirror.write('keys/k', utf8('k'));
    other.inject({ how: 'fail', when: ({ kind }) => kind === 'write', error: unreachable });
    for (const name of ['data/aa/1', 'data/aa/2', 'index/i']) await mirror.write(name, utf8(name));
    expect(changes).toMatchObject([{ type: 'behind', member: { url: 'memory:other' } }]);
    expect(mirror.report()).toMatchObject([
      { url: 'memory:first', isFirst: true, state: 'in-step' },
      { url: 'memory:other', isFirst: false, state: 'behind', missedOperations: 3, reason: { kind: 'failed' } },
    ]);
  });

  it('gives one that missed something nothing more, so that it stays whole', async () => {
    const { mirror, other } = mirrorPair();
    await mirror.write('keys/k', utf8('k'));
    other.inject({ how: 'fail', when: ({ name }) => name === 'data/aa/1', error: unreachable });
    for (const name of ['data/aa/1', 'index/i', 'snapshots/s']) await mirror.write(name, utf8(name));
    expect(await namesIn(other)).toEqual(['keys/k']);
  });

  it('gives it nothing in later runs either', async () => {
    const { mirror, other, changes, again } = mirrorPair();
    await mirror.write('keys/k', utf8('k'));
    other.inject({ how: 'fail', when: ({ name }) => name === 'data/aa/1', error: unreachable });
    for (const name of ['data/aa/1', 'index/i']) await mirror.write(name, utf8(name));
    other.heal();
    await again().write('snapshots/s', utf8('s'));
    expect(await namesIn(other)).toEqual(['keys/k']);
    expect(changes[1]).toMatchObject({ member: { reason: { kind: 'differs', missing: 1, extra: 0 } } });
  });

  it('goes on with it once it holds the same again', async () => {
    const { mirror, first, other, again } = mirrorPair();
    await mirror.write('keys/k', utf8('k'));
    await first.write('index/i', utf8('i'));
    await other.write('index/i', utf8('i'));
    await again().write('snapshots/s', utf8('s'));
    expect(await namesIn(other)).toContain('snapshots/s');
  });

  it('fails when fewer are in step than were asked for', async () => {
    const { mirror, other } = mirrorPair(2);
    await mirror.write('keys/k', utf8('k'));
    other.inject({ how: 'fail', when: ({ kind }) => kind === 'write', error: unreachable });
    await expect(mirror.write('data/aa/1', utf8('1'))).rejects.toMatchObject({
      code: 'MIRROR_BEHIND',
      facts: { copies: 2, inStep: 1, behind: ['memory:other'] },
    });
  });

  it('never writes to another vault', async () => {
    const { mirror, first, other } = mirrorPair();
    await first.write('keys/k', utf8('k'));
    await other.write('keys/other', utf8('other'));
    await expect(mirror.write('data/aa/1', utf8('1'))).rejects.toMatchObject({ code: 'MIRROR_MISMATCH' });
    expect([await namesIn(first), await namesIn(other)]).toEqual([['keys/k'], ['keys/other']]);
  });

  it('takes a different config for one that is behind', async () => {
    const { mirror, first, other, changes } = mirrorPair();
    for (const storage of [first, other]) await storage.write('keys/k', utf8('k'));
    await first.write('config', utf8('new'));
    await other.write('config', utf8('old'));
    await mirror.write('data/aa/1', utf8('1'));
    expect(changes).toMatchObject([{ member: { reason: { kind: 'differs', missing: 1 } } }]);
  });

  it('lets locks pass before anything is compared', async () => {
    const { mirror, first, other } = mirrorPair();
    await first.write('index/i', utf8('i'));
    await mirror.write('locks/l', utf8('l'));
    expect(await namesIn(other)).toEqual(['locks/l']);
  });
});

describe('locks in a mirror', () => {
  it('are removed also where one fell behind since', async () => {
    const { mirror, other } = mirrorPair();
    await mirror.write('keys/k', utf8('k'));
    await mirror.write('locks/l', utf8('l'));
    other.inject({ how: 'fail', when: ({ name }) => name === 'data/aa/1', error: unreachable });
    await mirror.write('data/aa/1', utf8('1'));
    await mirror.remove('locks/l');
    expect(await namesIn(other)).toEqual(['keys/k']);
  });

  it('are tried once, and not any more where one cannot be reached', async () => {
    const { mirror, other } = mirrorPair();
    other.inject({ how: 'fail', when: ({ name }) => name.startsWith('locks/'), error: unreachable });
    for (const name of ['locks/a', 'locks/b', 'locks/c']) await mirror.write(name, utf8('l'));
    expect(other.operations.filter(({ kind }) => kind === 'write')).toHaveLength(1);
  });

  it('say nothing of a storage that does not take them', async () => {
    const { mirror, other, changes } = mirrorPair();
    other.inject({ how: 'fail', when: ({ name }) => name === 'locks/l', error: unreachable });
    await mirror.write('locks/l', utf8('l'));
    await mirror.remove('locks/l');
    expect(changes).toEqual([]);
  });

  it('goes from the others where the first one has gone away', async () => {
    const { mirror, first, other } = mirrorPair();
    await mirror.write('locks/l', utf8('l'));
    first.inject({ how: 'fail', when: ({ kind }) => kind === 'remove', error: unreachable });
    await expect(mirror.remove('locks/l')).rejects.toMatchObject({ code: 'STORAGE_UNREACHABLE' });
    expect(await namesIn(other)).toEqual([]);
  });
});

async function filled(): Promise<MirrorPair> {
  const made = mirrorPair();
  for (const name of ['data/aa/1', 'data/aa/2', 'data/aa/3']) await made.mirror.write(name, utf8(name));
  return made;
}

describe('reading from a mirror', () => {
  it('keeps asking the nearest, though long reads of it are handed over', async () => {
    let nowNs = 0n;
    class Member extends HandingOver {
      readonly #msPerPiece: number;
      reads = 0;

      constructor(msPerPiece: number) {
        super(openMemoryStorage('member'), 64 * 1024);
        this.#msPerPiece = msPerPiece;
      }

      override read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
        this.reads++;
        const pieces = Math.max(1, (options.length ?? 0) / (256 * 1024));
        nowNs += BigInt(this.#msPerPiece * pieces * 1e6);
        return super.read(name, options);
      }
    }
    const [near, far] = [new Member(1), new Member(20)];
    const clock: Clock = { nowNs: () => nowNs, sleep: async () => {} };
    const mirror = mirrored([near, far], { markers: [], isPassing: () => false, clock });
    const length = 16 * 1024 * 1024;
    await mirror.write('data/a', new Uint8Array(length));
    for (let at = 0; at < 10; at++) await mirror.read('data/a', { offset: 0, length: 1, copy: 2 });
    for (let at = 0; at < 10; at++) {
      await mirror.read('data/a', { offset: 0, length, onBytes: async () => {} });
    }
    expect([near.reads, far.reads]).toEqual([10, 10]);
  });

  it('asks the nearest', async () => {
    const { first, other } = await filled();
    // It would answer only once nobody waits for it any more.
    const slow = faulty(first, { how: 'delay', delayMs: 1, when: ({ kind }) => kind === 'stat' }, { clock: stopped });
    const mirror = mirrored([slow, other], { markers: [], isPassing: () => false });
    for (const name of ['data/aa/1', 'data/aa/2', 'data/aa/3']) expect(await textOf(mirror, name)).toBe(name);
    expect([reads(first), reads(other)]).toEqual([0, 3]);
  });

  it('falls back to another one where an object is missing', async () => {
    const { mirror, first, other } = await filled();
    await first.remove('data/aa/1');
    await other.remove('data/aa/2');
    expect([await textOf(mirror, 'data/aa/1'), await textOf(mirror, 'data/aa/2')]).toEqual(['data/aa/1', 'data/aa/2']);
  });

  it('falls back where one fails', async () => {
    const { mirror, first } = await filled();
    first.inject({ how: 'fail', when: ({ kind }) => kind === 'read', error: unreachable });
    expect(await textOf(mirror, 'data/aa/1')).toBe('data/aa/1');
    expect(mirror.report()[0]?.failedReads).toBeLessThanOrEqual(1);
  });

  it('gives another copy when what it gave was damaged', async () => {
    const { mirror, first, other } = await filled();
    await first.write('data/aa/1', utf8('damaged'));
    await other.write('data/aa/1', utf8('good'));
    const both = [await mirror.read('data/aa/1', { copy: 1 }), await mirror.read('data/aa/1', { copy: 2 })];
    expect(both.map((bytes) => Buffer.from(bytes).toString())).toEqual(['damaged', 'good']);
  });

  it('says what the first one says where none has it', async () => {
    const { mirror } = await filled();
    await expect(mirror.read('data/aa/none')).rejects.toMatchObject({ code: 'OBJECT_MISSING' });
  });

  it('takes the config and the listings of the first one', async () => {
    const { mirror, first, other } = await filled();
    await first.write('config', utf8('new'));
    await other.write('config', utf8('old'));
    await other.write('index/more', utf8('more'));
    expect(await textOf(mirror, 'config')).toBe('new');
    expect(await namesIn(mirror)).not.toContain('index/more');
  });
});
