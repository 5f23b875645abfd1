import { describe, expect, it } from 'vitest';
import type { DoneEvent } from '../vault/vault-events.ts';
import { hookDocument, hookEnvironment } from './hook-event.ts';

function done<A extends DoneEvent['action']>(action: A, result: object): DoneEvent {
  const event = { action, sessionId: '4028dfc7', vaultUrl: 's3://box/a', durationMs: 5, result };
  // Of a result, only what decides over the status is here: whole ones have dozens of fields that are passed on as they are.
  return event as unknown as DoneEvent;
}

describe('the status that a hook is told', () => {
  it.each([
    ['damaged', 'check', { isGood: false, findings: [{}] }],
    ['complete', 'check', { isGood: true, findings: [] }],
    ['partial', 'copy', { copies: [{ outcome: 'copied' }, { outcome: 'failed' }] }],
    ['complete', 'copy', { copies: [{ outcome: 'present' }] }],
    ['complete', 'tag', { changed: [], unchanged: 1 }],
  ] as const)('is %s after a %s with %j', (status, action, result) => {
    const event = done(action, result);
    expect(hookEnvironment(`${action}.done`, event)['CAIRN_STATUS']).toBe(status);
    expect(hookDocument(`${action}.done`, event)).toMatchObject({ status, result });
  });
});

it('a hook learns which backup a guard made', () => {
  const event = done('guard', { backup: { id: 'abc123', name: 'app', tags: ['hold:v2'] }, released: false });
  expect(hookEnvironment('guard.done', event)).toMatchObject({
    CAIRN_BACKUP_ID: 'abc123',
    CAIRN_BACKUP_NAME: 'app',
    CAIRN_TAGS: 'hold:v2',
  });
});
