import { describe, expect, it } from 'vitest';
import { held, MINUTE, self, setUp } from '../../../test/support/lock-fixture.ts';
import { withOrigin } from '../../../test/support/repository-fixture.ts';
import { orAbort } from '../../base/or-abort.ts';
import { objectName } from '../layout.ts';
import { lockRepository, type RepositoryLock } from './repository-lock.ts';

/** Waits for an answer that never comes. */
const unanswered = (_: string, __: unknown, { signal }: { readonly signal?: AbortSignal | undefined } = {}) =>
  orAbort(new Promise<never>(() => {}), signal);

describe('lockRepository', () => {
  it('writes one lock file and removes it on release', async () => {
    const { taken, lockFiles } = await setUp();
    const lock = await taken();
    expect(await lockFiles()).toEqual([objectName('lock', lock.id)]);
    await lock[Symbol.asyncDispose]();
    expect(await lockFiles()).toEqual([]);
  });

  it('lets shared locks stand side by side', async () => {
    const { taken, foreign, lockFiles } = await setUp();
    await foreign();
    await taken();
    expect(await lockFiles()).toHaveLength(2);
  });

  it.each([
    ['exclusive', { exclusive: false }],
    ['shared', { exclusive: true }],
    ['exclusive', { exclusive: true }],
  ] as const)('refuses a lock of mode %s beside %o, naming the holder', async (mode, other) => {
    const { taken, foreign, lockFiles } = await setUp();
    await foreign(other);
    await expect(taken({ mode })).rejects.toMatchObject({
      code: 'VAULT_LOCKED',
      facts: { hostname: 'elsewhere', pid: 300 },
    });
    expect(await lockFiles()).toHaveLength(1);
  });

  it('gives way when a conflicting lock shows up after its own was written', async () => {
    const { take, clock, foreign, lockFiles } = await setUp();
    const promise = take({ mode: 'exclusive' });
    promise.catch(() => {});
    await clock.advance(100);
    await foreign();
    await clock.advance(200);
    await expect(promise).rejects.toMatchObject({ code: 'VAULT_LOCKED' });
    expect(await lockFiles()).toHaveLength(1);
  });

  it.each([
    ['whose process ended here', { pid: 999, pidSpace: self.pidSpace }, 0, 'process-ended'],
    ['of restic, whose process on this host ended', { hostname: 'here', pid: 999 }, 0, 'process-ended'],
    ['that was not refreshed for half an hour', {}, 31 * MINUTE, 'not-refreshed'],
  ] as const)('removes a conflicting lock %s, with a notice', async (_, change, ageMs, reason) => {
    const { taken, foreign, lockFiles, notices } = await setUp();
    await foreign({ exclusive: true, ...change }, ageMs);
    await taken();
    expect(await lockFiles()).toHaveLength(1);
    expect(notices).toEqual([expect.objectContaining({ type: 'stale-lock-removed', reason })]);
  });

  it('removes the shared lock of a process that was killed, which would stay until somebody wants to be alone', async () => {
    const { taken, foreign, lockFiles } = await setUp();
    await foreign({ hostname: 'here', pid: 999, pidSpace: self.pidSpace });
    await taken();
    expect(await lockFiles()).toHaveLength(1);
  });

  it.each([
    ['of a live process here', { hostname: 'here', pid: 200, pidSpace: self.pidSpace }, 0],
    ['of another machine with the same name', { hostname: 'here', pid: 999, pidSpace: 'boot 2 pid:[1]' }, 0],
    ['of a container with the name of its host', { hostname: 'here', pid: 999, pidSpace: 'boot 1 pid:[2]' }, 0],
    ['of another host that is not old enough', { pid: 999 }, 29 * MINUTE],
    ['from the future', {}, -60 * MINUTE],
  ] as const)('respects a lock %s', async (_, change, ageMs) => {
    const { taken, foreign } = await setUp();
    await foreign({ exclusive: true, ...change }, ageMs);
    await expect(taken()).rejects.toMatchObject({ code: 'VAULT_LOCKED' });
  });

  it('ignores zero-length lock files', async () => {
    const { taken, storage } = await setUp();
    await storage.write(`locks/${'a'.repeat(64)}`, new Uint8Array());
    await expect(taken({ mode: 'exclusive' })).resolves.toBeDefined();
  });

  it('tries four times to read an unreadable lock, then fails and never ignores it', async () => {
    const { take, clock, storage, lockFiles } = await setUp();
    await storage.write(`locks/${'a'.repeat(64)}`, new Uint8Array(80));
    const promise = take();
    promise.catch(() => {});
    let settled = false;
    void promise.catch(() => (settled = true));
    await clock.advance(34_000);
    expect(settled).toBe(false);
    await clock.advance(2_000);
    await expect(promise).rejects.toMatchObject({ code: 'LOCK_CORRUPT' });
    expect(await lockFiles()).toHaveLength(1);
  });

  it('waits for the lock as long as it is told', async () => {
    const { take, clock, foreign, repository, notices } = await setUp();
    const other = await foreign({ exclusive: true });
    const promise = take({ retryMs: 10 * MINUTE });
    await clock.advance(20_000);
    await repository.removeFile('lock', other);
    await clock.advance(20_000);
    await expect(promise).resolves.toBeDefined();
    expect(notices.map((notice) => notice.type === 'waiting-for-lock' && notice.delayMs)).toEqual([
      5000, 10_000, 20_000,
    ]);
  });

  it('gives up waiting when its time is over', async () => {
    const { take, clock, foreign } = await setUp();
    await foreign({ exclusive: true });
    const promise = take({ retryMs: 12_000 });
    promise.catch(() => {});
    await clock.advance(12_001);
    await expect(promise).rejects.toMatchObject({ code: 'VAULT_LOCKED' });
  });

  it('leaves no lock file when it is stopped while it settles', async () => {
    const { take, clock, lockFiles } = await setUp();
    const controller = new AbortController();
    const promise = take({ signal: controller.signal });
    promise.catch(() => {});
    await clock.advance(100);
    controller.abort(new Error('stop'));
    await expect(promise).rejects.toThrow('stop');
    expect(await lockFiles()).toEqual([]);
  });
});

describe('RepositoryLock', () => {
  it('replaces its file every five minutes', async () => {
    const { taken, clock, lockFiles } = await setUp();
    const lock = await taken();
    const first = lock.id;
    await clock.advance(5 * MINUTE + 1000);
    expect(lock.id).not.toBe(first);
    expect(await lockFiles()).toEqual([objectName('lock', lock.id)]);
  });

  it('stays held over hours', async () => {
    const { taken, clock } = await setUp();
    const lock = await taken();
    await clock.advance(180 * MINUTE);
    expect(lock.signal.aborted).toBe(false);
  });

  it('is lost when its file vanishes', async () => {
    const { taken, clock, repository } = await setUp();
    const lock = await taken();
    await repository.removeFile('lock', lock.id);
    await clock.advance(5 * MINUTE + 1000);
    expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST' });
  });

  it('is lost when no refresh succeeds for 22.5 minutes, and not before', async () => {
    const { clock, storage, repository, notices } = await setUp();
    let isDown = false;
    const origin = new Proxy(storage, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        if (property !== 'stat') return value.bind(target);
        return (name: string) => (isDown ? Promise.reject(new Error('down')) : target.stat(name));
      },
    });
    const promise = lockRepository(withOrigin(repository, origin), {
      mode: 'shared',
      clock,
      self,
      onNotice: (notice) => notices.push(notice),
    });
    await clock.advance(300);
    const lock = await promise;
    held.push(lock);
    isDown = true;
    await clock.advance(22.4 * MINUTE);
    expect(lock.signal.aborted).toBe(false);
    expect(notices.some((notice) => notice.type === 'refresh-failed')).toBe(true);
    await clock.advance(MINUTE);
    expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST' });
  });

  it('goes on after standby if its file still exists', async () => {
    const { taken, clock } = await setUp();
    const lock = await taken();
    clock.jump(180 * MINUTE);
    await clock.advance(10_000);
    expect(lock.signal.aborted).toBe(false);
  });

  it('is lost after standby if its file is gone, and assertHeld knows at once', async () => {
    const { taken, clock, repository } = await setUp();
    const lock = await taken();
    clock.jump(180 * MINUTE);
    await repository.removeFile('lock', lock.id);
    await expect(lock.assertHeld()).rejects.toMatchObject({ code: 'LOCK_LOST' });
    expect(lock.signal.aborted).toBe(true);
  });

  it('is lost as soon as it is asked for, where somebody removed its file since', async () => {
    const { taken, clock, repository } = await setUp();
    const lock = await taken();
    await clock.advance(MINUTE);
    await repository.removeFile('lock', lock.id);
    await expect(lock.assertHeld()).rejects.toMatchObject({ code: 'LOCK_LOST' });
    expect(lock.signal.aborted).toBe(true);
  });

  it('is held where it was refreshed while it was asked for', async () => {
    const { clock, storage, repository } = await setUp();
    let lock: RepositoryLock | undefined;
    const origin = new Proxy(storage, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        if (property !== 'stat') return value.bind(target);
        return async (name: string) => {
          const asked = lock;
          lock = undefined;
          if (asked !== undefined) await clock.advance(4 * MINUTE + 1000);
          return target.stat(name);
        };
      },
    });
    const promise = lockRepository(withOrigin(repository, origin), { mode: 'shared', clock, self });
    await clock.advance(300);
    const taken = await promise;
    held.push(taken);
    await clock.advance(MINUTE);
    const first = taken.id;
    lock = taken;
    await expect(taken.assertHeld()).resolves.toBeUndefined();
    expect(taken.id).not.toBe(first);
  });

  it('does not throw when its file cannot be removed', async () => {
    const { taken, notices, repository } = await setUp();
    const lock = await taken();
    repository.removeFile = () => Promise.reject(new Error('down'));
    await lock[Symbol.asyncDispose]();
    expect(notices).toContainEqual(expect.objectContaining({ type: 'release-failed' }));
  });

  describe('of a storage that does not answer any more', () => {
    it('gives its file up ten seconds after the work was stopped, and says so', async () => {
      const { taken, clock, notices, repository } = await setUp();
      const work = new AbortController();
      const lock = await taken({ signal: work.signal });
      const { id } = lock;
      repository.removeFile = unanswered;
      let isReleased = false;
      const release = lock[Symbol.asyncDispose]().then(() => (isReleased = true));
      await clock.advance(30_000);
      work.abort();
      await clock.advance(9_000);
      expect(isReleased).toBe(false);
      await clock.advance(1_000);
      await release;
      expect(notices).toContainEqual(expect.objectContaining({ type: 'release-failed', id }));
    });

    it('gives its file up after two minutes where the work has ended by itself', async () => {
      const { taken, clock, notices, repository } = await setUp();
      const lock = await taken();
      repository.removeFile = unanswered;
      const release = lock[Symbol.asyncDispose]();
      await clock.advance(119_000);
      expect(notices).toEqual([]);
      await clock.advance(1_000);
      await release;
      expect(notices).toContainEqual(expect.objectContaining({ type: 'release-failed' }));
    });

    it('is not waited for by a stop while the lock is being taken', async () => {
      const { take, clock, repository } = await setUp();
      const work = new AbortController();
      repository.saveUnpacked = unanswered;
      const taking = take({ signal: work.signal });
      taking.catch(() => {});
      await clock.advance(1_000);
      work.abort(new Error('interrupted'));
      await clock.advance(10_000);
      await expect(taking).rejects.toThrow('interrupted');
    });

    it('is not waited for by a release while a refresh writes', async () => {
      const { taken, clock, repository, lockFiles } = await setUp();
      const lock = await taken();
      repository.saveUnpacked = unanswered;
      await clock.advance(5 * MINUTE);
      const release = lock[Symbol.asyncDispose]();
      await clock.advance(10_000);
      await release;
      expect(await lockFiles()).toEqual([]);
    });
  });

  it('survives SIGHUP while it is held, because restic probes processes with it', async () => {
    const before = process.listenerCount('SIGHUP');
    const { taken } = await setUp();
    const lock = await taken();
    expect(process.listenerCount('SIGHUP')).toBe(before + 1);
    await lock[Symbol.asyncDispose]();
    expect(process.listenerCount('SIGHUP')).toBe(before);
  });
});
