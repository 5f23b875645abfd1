import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { failedSample, sampleOutcome } from '../../../test/support/sample-outcome.ts';
import type { Clock } from '../../base/clock.ts';
import { Secret } from '../../base/secret.ts';
import type { DeliveryContext, NotificationMessage } from './notifier.ts';
import type { CustomNotifierSettings } from './notifier-settings.ts';
import { openNotifications } from './notifications.ts';

interface Recorder extends CustomNotifierSettings {
  readonly messages: NotificationMessage[];
}

function recorder(change: Partial<CustomNotifierSettings> = {}): Recorder {
  const messages: NotificationMessage[] = [];
  return {
    type: 'custom',
    name: 'recorder',
    messages,
    deliver: async (message) => void messages.push(message),
    ...change,
  };
}

/** Does not listen to its signal. */
const hanging = (): Promise<void> => new Promise(() => {});

const { action, sessionId, vault, host, started } = sampleOutcome();
const subject = { action, sessionId, vault, host, started };

function clockAt(time: Date): Clock {
  return { nowNs: () => BigInt(time.getTime()) * 1_000_000n, sleep: () => Promise.resolve() };
}

describe('Notifications', () => {
  it('deliver in the order in which they were told', async () => {
    const to = recorder({ on: ['*', '*.before'] });
    await using notifications = openNotifications([to]);
    notifications.tellStart(subject);
    notifications.tellOutcome(sampleOutcome());
    expect(await notifications.flush()).toEqual({ delivered: ['recorder', 'recorder'], failed: [] });
    expect(to.messages.map(({ kind }) => kind)).toEqual(['started', 'ended']);
  });

  it('report one that fails, warn of it, and deliver to the others', async () => {
    const warnings: string[] = [];
    const bad = recorder({ name: 'bad', deliver: () => Promise.reject(new Error('broken pipe')) });
    const good = recorder({ name: 'good' });
    await using notifications = openNotifications([bad, good], { onWarning: (text) => warnings.push(text) });
    notifications.tellOutcome(sampleOutcome());
    expect(await notifications.flush()).toEqual({
      delivered: ['good'],
      failed: [{ notifier: 'bad', code: 'NOTIFICATION_FAILED', message: 'bad failed: broken pipe' }],
    });
    expect(warnings).toEqual(['a notification did not arrive (bad): bad failed: broken pipe']);
  });

  it('end one that hangs when its time is over, and do not hear its signal being ignored', async () => {
    await using notifications = openNotifications([recorder({ name: 'slow', deliver: hanging, timeoutMs: 30 })]);
    notifications.tellOutcome(sampleOutcome());
    const { failed } = await notifications.flush();
    expect(failed[0]?.message).toBe('slow did not take the message within 0.03 s');
  });

  it('give all messages of one that hangs the time of one delivery when they are waited for', async () => {
    const begun: number[] = [];
    const deliver = (): Promise<void> => {
      begun.push(performance.now());
      return hanging();
    };
    await using notifications = openNotifications([recorder({ deliver, timeoutMs: 60 })]);
    for (let i = 0; i < 20; i++) notifications.tellOutcome(sampleOutcome());
    const { failed } = await notifications.flush();
    expect(failed.length).toBe(20);
    // Those after the first few were not even begun: their time was over.
    expect(begun.length).toBeLessThan(4);
  });

  it('drop what a notifier that hangs cannot take any more, and say so', async () => {
    await using notifications = openNotifications([recorder({ deliver: hanging, timeoutMs: 20 })]);
    for (let i = 0; i < 102; i++) notifications.tellOutcome(sampleOutcome());
    const { failed } = await notifications.flush();
    expect(failed.filter(({ message }) => message.includes('messages waiting already')).length).toBe(2);
  });

  it('give a notifier the time that is left', async () => {
    let context: DeliveryContext | undefined;
    const to = recorder({ deliver: async (_, given) => void (context = given), timeoutMs: 5000 });
    await using notifications = openNotifications([to]);
    notifications.tellOutcome(sampleOutcome());
    await notifications.flush();
    expect(context?.remainingMs()).toBeLessThanOrEqual(5000);
    expect(context?.remainingMs()).toBeGreaterThan(0);
  });

  it('send no secret that they were told of, wherever in an outcome it stands', async () => {
    const secret = 'correct horse';
    const to = recorder();
    await using notifications = openNotifications([to], { secrets: [new Secret(secret)] });
    const problems = [{ path: `/x/${secret}`, code: 'X', message: `read ${encodeURIComponent(secret)}` }];
    notifications.tellOutcome(
      failedSample(`login with ${secret} failed at postgres://a:pw@h/x`, { problems, vault: `s3://x?token=${secret}` }),
    );
    await notifications.flush();
    const sent = JSON.stringify(to.messages);
    expect(sent).toContain('[redacted]');
    for (const leak of [secret, encodeURIComponent(secret), ':pw@']) expect(sent).not.toContain(leak);
  });

  it('send a test message to those who are named', async () => {
    const one = recorder({ name: 'one' });
    const two = recorder({ name: 'two', severity: 'error', on: ['backup.failed'] });
    await using notifications = openNotifications([one, two]);
    notifications.tellTest(['two']);
    expect((await notifications.flush()).delivered).toEqual(['two']);
  });
});

describe('a digest of a run', () => {
  it('is one message of all outcomes', async () => {
    const to = recorder({ digest: 'run' });
    await using notifications = openNotifications([to]);
    for (const source of ['a', 'b', 'c']) notifications.tellOutcome(sampleOutcome({ source }));
    await notifications.flush();
    expect(to.messages).toHaveLength(1);
    const [digest] = to.messages;
    expect(digest?.kind === 'digest' && digest.outcomes.map(({ source }) => source)).toEqual(['a', 'b', 'c']);
  });

  it('of one outcome is that outcome', async () => {
    const to = recorder({ digest: 'run' });
    await using notifications = openNotifications([to]);
    notifications.tellOutcome(sampleOutcome());
    await notifications.flush();
    expect(to.messages.map(({ kind }) => kind)).toEqual(['ended']);
  });
});

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'cairn-digest-'));
  try {
    await test(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('a digest of several runs', () => {
  const HOUR = 3_600_000;
  const at = (hours: number): Date => new Date(Date.UTC(2026, 10, 25) + hours * HOUR);

  /** One run of a program at an hour, which ends with this outcome. */
  async function run(stateFolder: string, hour: number, to: CustomNotifierSettings, outcome?: object): Promise<void> {
    await using notifications = openNotifications([to], {
      stateFolder,
      clock: clockAt(at(hour)),
      secrets: ['correct horse'],
    });
    if (outcome !== undefined) notifications.tellOutcome(sampleOutcome({ ended: at(hour), ...outcome }));
  }

  const daily = { digest: { everyMs: 24 * HOUR } };

  it('waits until the oldest outcome is old enough, and then tells all', () =>
    withFolder(async (folder) => {
      const to = recorder(daily);
      await run(folder, 0, to, { source: 'a' });
      await run(folder, 12, to, { source: 'b' });
      expect(to.messages).toEqual([]);
      await run(folder, 24, to, { source: 'c' });
      expect(to.messages).toHaveLength(1);
      const [digest] = to.messages;
      expect(digest?.kind === 'digest' && digest.outcomes).toMatchObject([
        sampleOutcome({ ended: at(0), source: 'a' }),
        sampleOutcome({ ended: at(12), source: 'b' }),
        sampleOutcome({ ended: at(24), source: 'c' }),
      ]);
    }));

  it('tells each outcome once', () =>
    withFolder(async (folder) => {
      const to = recorder(daily);
      await run(folder, 0, to, {});
      await run(folder, 24, to);
      await run(folder, 48, to);
      expect(to.messages).toHaveLength(1);
    }));

  it('keeps what could not be delivered for the next run', () =>
    withFolder(async (folder) => {
      const bad = recorder({ ...daily, deliver: () => Promise.reject(new Error('down')) });
      await run(folder, 0, bad, { source: 'a' });
      await run(folder, 25, bad);
      const good = recorder(daily);
      await run(folder, 26, good);
      expect(good.messages).toHaveLength(1);
    }));

  it('leaves the sending to another process that is at it', () =>
    withFolder(async (folder) => {
      const inner = recorder(daily);
      const outer = recorder({ ...daily, deliver: () => run(folder, 25, inner) });
      await run(folder, 0, outer, {});
      await run(folder, 25, outer);
      expect(inner.messages).toEqual([]);
    }));

  it('is kept in files that only the owner reads, without secrets', () =>
    withFolder(async (folder) => {
      await run(folder, 0, recorder(daily), failedSample('the password is correct horse'));
      const spool = path.join(folder, 'notifications', (await readdir(path.join(folder, 'notifications')))[0] ?? '');
      const [name = ''] = await readdir(spool);
      const file = path.join(spool, name);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect((await stat(spool)).mode & 0o777).toBe(0o700);
      expect(await readFile(file, 'utf8')).not.toContain('correct horse');
    }));

  it('counts a damaged file, and tells the others', () =>
    withFolder(async (folder) => {
      const to = recorder(daily);
      await run(folder, 0, to, { source: 'a' });
      await run(folder, 1, to, { source: 'b' });
      const spool = path.join(folder, 'notifications', (await readdir(path.join(folder, 'notifications')))[0] ?? '');
      const [first = ''] = (await readdir(spool)).sort();
      const { writeFile } = await import('node:fs/promises');
      await writeFile(path.join(spool, first), '{"half');
      await run(folder, 25, to);
      const [digest] = to.messages;
      expect(digest?.kind === 'digest' && [digest.outcomes.length, digest.omitted]).toEqual([1, 1]);
    }));

  it('needs a place to wait', () => {
    expect(() => openNotifications([recorder(daily)])).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
  });
});
