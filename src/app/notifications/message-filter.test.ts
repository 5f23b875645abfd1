import { describe, expect, it } from 'vitest';
import { messageFilter } from './message-filter.ts';
import type { NotifierSettings } from './notifier-settings.ts';

const custom = (change: object): NotifierSettings => ({
  type: 'custom',
  name: 'x',
  deliver: () => Promise.resolve(),
  ...change,
});

describe('messageFilter', () => {
  it('hears of every end and of no beginning by default', () => {
    const filter = messageFilter(custom({}));
    expect(filter.wantsOutcome({ action: 'prune', status: 'ok' })).toBe(true);
    expect(filter.wantsStart({ action: 'prune' })).toBe(false);
  });

  it('hears of beginnings where a monitor is told', () => {
    const filter = messageFilter({ type: 'ping', name: 'x', url: 'https://hc-ping.com/1', on: ['backup'] });
    expect([filter.wantsStart({ action: 'backup' }), filter.wantsStart({ action: 'prune' })]).toEqual([true, false]);
  });

  it.each([
    ['backup', 'backup', 'failed', true],
    ['backup.failed', 'backup', 'failed', true],
    ['backup.failed', 'backup', 'partial', false],
    ['backup.done', 'backup', 'partial', true],
    ['*.failed', 'restore', 'failed', true],
    ['restore', 'backup', 'failed', false],
    ['backup.before', 'backup', 'ok', false],
    ['backup.*', 'backup', 'ok', true],
  ] as const)('with `%s` hears of a %s that is %s: %s', (pattern, action, status, wanted) => {
    expect(messageFilter(custom({ on: [pattern] })).wantsOutcome({ action, status })).toBe(wanted);
  });

  it.each(['*', '*.*', 'backup', 'backup.*'])('with `%s` hears of no beginning', (pattern) => {
    expect(messageFilter(custom({ on: [pattern] })).wantsStart({ action: 'backup' })).toBe(false);
  });

  it('hears of a beginning that is named', () => {
    expect(messageFilter(custom({ on: ['backup.before'] })).wantsStart({ action: 'backup' })).toBe(true);
  });

  it('leaves out what matters less than asked', () => {
    const filter = messageFilter(custom({ severity: 'warning' }));
    const heard = (['ok', 'partial', 'failed'] as const).filter((status) =>
      filter.wantsOutcome({ action: 'backup', status }),
    );
    expect(heard).toEqual(['partial', 'failed']);
  });

  it.each(['', 'backup.', 'backup.ended', 'a b', '**'])('refuses %j, which is no event', (pattern) => {
    expect(() => messageFilter(custom({ on: [pattern] }))).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});
