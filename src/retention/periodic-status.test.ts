import { describe, expect, it } from 'vitest';
import { type PeriodicBackup, periodicStatus } from './periodic-status.ts';

const now = new Date('2026-11-25T12:00:00Z');
const backup = (time: string, parts: Partial<PeriodicBackup> = {}): PeriodicBackup => ({
  name: 'main',
  host: 'desk',
  time: new Date(time),
  storedBytes: 10,
  isPartial: false,
  ...parts,
});

function statusOf(backups: readonly PeriodicBackup[], every = '1D', host?: string): object | undefined {
  return periodicStatus(backups, [{ name: 'main', every, host }], now)[0];
}

describe('B68: a backup that is made regularly', () => {
  it('is in time while its newest is not older than the interval', () => {
    const latest = backup('2026-11-24T12:00:00Z');
    expect(statusOf([backup('2026-11-20T00:00:00Z'), latest])).toEqual({
      name: 'main',
      every: '1D',
      status: 'ok',
      latest,
      dueAt: now,
      overdueMs: 0,
      count: 2,
      storedBytes: 20,
    });
  });

  it('is overdue from then on, and for how long', () => {
    expect(statusOf([backup('2026-11-24T11:00:00Z')])).toMatchObject({ status: 'overdue', overdueMs: 3_600_000 });
  });

  it('is missing where there is none of that name', () => {
    expect(statusOf([backup('2026-11-25T11:00:00Z', { name: 'main-old' })])).toMatchObject({
      status: 'missing',
      latest: null,
      dueAt: null,
      count: 0,
    });
  });

  it('is not made by one that is dated in the future, or by a run that was stopped', () => {
    const others = [backup('2031-01-01T00:00:00Z'), backup('2026-11-25T11:00:00Z', { isPartial: true })];
    expect(statusOf([...others, backup('2026-11-01T00:00:00Z')])).toMatchObject({ status: 'overdue', count: 3 });
  });

  it('is looked for on one host, where that is asked for', () => {
    const backups = [backup('2026-11-25T11:00:00Z', { host: 'lab' }), backup('2026-11-01T00:00:00Z')];
    expect(statusOf(backups)).toMatchObject({ status: 'ok' });
    expect(statusOf(backups, '1D', 'desk')).toMatchObject({ status: 'overdue', host: 'desk' });
  });

  it('is due by the calendar, where the interval is one of the calendar', () => {
    expect(statusOf([backup('2026-10-26T12:00:00Z')], 'P1M')).toMatchObject({ status: 'ok' });
    expect(statusOf([backup('2026-10-26T11:00:00Z')], '1M')).toMatchObject({ status: 'overdue' });
  });

  it('needs an interval that is one', () => {
    expect(() => statusOf([], '')).toThrow(TypeError);
  });
});
