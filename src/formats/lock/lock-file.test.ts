import { describe, expect, it } from 'vitest';
import { vector, vectorNames } from '../../../test/support/vectors.ts';
import { decodeLock, encodeLock } from './lock-file.ts';

const time = { ns: 1_720_000_000_500_000_000n, offsetMinutes: 120 };

describe('lock file', () => {
  it.each(vectorNames('lock'))('encodes %s as it was', (name) => {
    const json = vector(name);
    expect(Buffer.from(encodeLock(decodeLock(json))).toString()).toBe(Buffer.from(json).toString());
  });

  it('leaves out a uid and gid of 0, and nothing else', () => {
    const lock = { time, exclusive: false, hostname: '', username: '', pid: 0, uid: 0, gid: 0 };
    expect(Buffer.from(encodeLock(lock)).toString()).toBe(
      '{"time":"2024-07-03T11:46:40.5+02:00","exclusive":false,"hostname":"","username":"","pid":0}',
    );
  });

  it('decodes to what was encoded', () => {
    const lock = { time, exclusive: true, hostname: 'h', username: 'u', pid: 4711, uid: 1000, gid: 1001 };
    expect(decodeLock(encodeLock(lock))).toEqual(lock);
  });

  it('keeps where the process runs', () => {
    const lock = {
      time,
      exclusive: true,
      hostname: 'h',
      username: 'u',
      pid: 1,
      uid: 1,
      gid: 1,
      pidSpace: 'boot pid:[1]',
    };
    expect(decodeLock(encodeLock(lock))).toEqual(lock);
  });

  it.each([
    '',
    '{}',
    '[]',
    '{"time":"2024-07-03T11:46:40Z","pid":"1"}',
    '{"time":"2024-07-03T11:46:40Z","exclusive":1}',
  ])('refuses %j', (text) => {
    expect(() => decodeLock(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'LOCK_CORRUPT' }));
  });
});
