import { describe, expect, it } from 'vitest';
import { type CairnError, hasCode } from '../base/errors.ts';
import { VaultEmitter } from './vault-emitter.ts';
import type { ActionResults } from './vault-events.ts';
import { VaultListeners } from './vault-listeners.ts';

const result: ActionResults['delete'] = { removed: [], failed: [] };

interface Stage {
  readonly emitter: VaultEmitter;
  readonly shared: VaultListeners;
  readonly warnings: string[];
  /** Runs `delete`, which notes `action` where it begins. */
  readonly run: (log: string[], options?: { signal?: AbortSignal; fails?: Error }) => Promise<ActionResults['delete']>;
}

function stage(): Stage {
  const warnings: string[] = [];
  const shared = new VaultListeners();
  const emitter = new VaultEmitter({
    vaultUrl: 'memory:events',
    shared,
    onListenerError: (error, event) => warnings.push(`${event}: ${String(error)}`),
  });
  return {
    emitter,
    shared,
    warnings,
    run: (log, { signal = new AbortController().signal, fails } = {}) =>
      emitter.around('delete', { sessionId: 'session', options: { references: ['a'] }, signal }, async () => {
        log.push('action');
        if (fails !== undefined) throw fails;
        return result;
      }),
  };
}

const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('B61: listeners', () => {
  it('are awaited one after the other, in the order of registration, around the action', async () => {
    const { emitter, run } = stage();
    const log: string[] = [];
    emitter.on('delete.before', async () => {
      await later();
      log.push('first');
    });
    emitter.on('delete.before', () => log.push('second'));
    emitter.on('delete.done', async () => {
      await later();
      log.push('third');
    });
    emitter.on('delete.done', () => log.push('fourth'));
    await run(log);
    expect(log).toEqual(['first', 'second', 'action', 'third', 'fourth']);
  });

  it('to all vaults come before those of the vault', async () => {
    const { emitter, shared, run } = stage();
    const log: string[] = [];
    emitter.on('delete.before', () => log.push('of the vault'));
    shared.on('delete.before', () => log.push('of all'));
    await run(log);
    expect(log).toEqual(['of all', 'of the vault', 'action']);
  });

  it('of all events of an action get one session id, and of the last its result', async () => {
    const { emitter, run } = stage();
    const seen: unknown[] = [];
    emitter.on('delete.before', ({ action, sessionId, vaultUrl }) => seen.push({ action, sessionId, vaultUrl }));
    emitter.on('delete.done', (event) => seen.push({ sessionId: event.sessionId, same: event.result === result }));
    await run([]);
    expect(seen).toEqual([
      { action: 'delete', sessionId: 'session', vaultUrl: 'memory:events' },
      { sessionId: 'session', same: true },
    ]);
  });

  it('see what the action was asked to do, and cannot change it', async () => {
    const { emitter, run } = stage();
    const refused: boolean[] = [];
    emitter.on('delete.before', ({ options }) => {
      expect(options.references).toEqual(['a']);
      refused.push(!Reflect.set(options, 'references', ['b']), !Reflect.set(options.references, '0', 'b'));
    });
    await run([]);
    expect(refused).toEqual([true, true]);
  });

  it('end alone when they are disposed, also where one function listens twice', async () => {
    const { emitter, run } = stage();
    const log: string[] = [];
    const listener = (): unknown => log.push('heard');
    const first = emitter.on('delete.before', listener);
    emitter.on('delete.before', listener);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    await run(log);
    expect(log).toEqual(['heard', 'action']);
  });

  it('for one event hear of the next one only', async () => {
    const { emitter, run } = stage();
    const log: string[] = [];
    emitter.once('delete.before', () => log.push('heard'));
    await run(log);
    await run(log);
    expect(log).toEqual(['heard', 'action', 'action']);
  });

  it('that another listener has ended meanwhile hear nothing', async () => {
    const { emitter, run } = stage();
    const log: string[] = [];
    emitter.on('delete.before', () => second[Symbol.dispose]());
    const second = emitter.on('delete.before', () => log.push('second'));
    await run(log);
    expect(log).toEqual(['action']);
  });
});

describe('B61: a listener of `before` that fails', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('not today');
      },
    ],
    ['rejects', () => Promise.reject(new Error('not today'))],
  ])('stops the action before it begins where it %s', async (_how, listener) => {
    const { emitter, run } = stage();
    const log: string[] = [];
    emitter.on('delete.before', listener);
    const error: unknown = await run(log).catch((thrown: unknown) => thrown);
    expect(hasCode(error, 'ACTION_VETOED') && error.message).toContain('not today');
    expect((error as CairnError).cause).toEqual(new Error('not today'));
    expect(log).toEqual([]);
  });

  it('keeps those behind it from being asked', async () => {
    const { emitter, run } = stage();
    const log: string[] = [];
    emitter.on('delete.before', ({ veto }) => veto('it is closed'));
    emitter.on('delete.before', () => log.push('second'));
    await expect(run(log)).rejects.toThrow('delete was stopped before it began: it is closed');
    expect(log).toEqual([]);
  });

  it('is followed by `failed`, so that whoever heard of the beginning hears of the end', async () => {
    const { emitter, run } = stage();
    const log: string[] = [];
    emitter.on('delete.before', ({ veto }) => veto('it is closed'));
    emitter.on('delete.failed', ({ error }) => log.push(hasCode(error, 'ACTION_VETOED') ? 'vetoed' : 'failed'));
    emitter.on('delete.done', () => log.push('done'));
    await expect(run(log)).rejects.toThrow();
    expect(log).toEqual(['vetoed']);
  });

  it('and never answers ends with the abort of the action', async () => {
    const { emitter, run } = stage();
    const stop = new AbortController();
    const log: string[] = [];
    emitter.on('delete.before', () => {
      stop.abort(new Error('stop'));
      return new Promise(() => {});
    });
    await expect(run(log, { signal: stop.signal })).rejects.toBe(stop.signal.reason);
    expect(log).toEqual([]);
  });
});

describe('B61: a listener of the end that fails', () => {
  it('of `done` is a warning, and the result stays; those behind it are told', async () => {
    const { emitter, run, warnings } = stage();
    const log: string[] = [];
    emitter.on('delete.done', () => Promise.reject(new Error('oops')));
    emitter.on('delete.done', () => log.push('second'));
    expect(await run(log)).toBe(result);
    expect(log).toEqual(['action', 'second']);
    expect(warnings).toEqual(['delete.done: Error: oops']);
  });

  it('of `failed` is a warning, and the error stays', async () => {
    const { emitter, run, warnings } = stage();
    const fails = new Error('disk on fire');
    emitter.on('delete.failed', ({ error }) => {
      expect(error).toBe(fails);
      throw new Error('oops');
    });
    await expect(run([], { fails })).rejects.toBe(fails);
    expect(warnings).toEqual(['delete.failed: Error: oops']);
  });
});
