import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { SessionMaker } from './sftp-session.ts';
import { silentSessions, SshConnection } from './ssh-connection.ts';

type Answer = (error: Error) => void;

/** A connection on which a session is asked for; `react` says what ssh2 does then. */
async function openOn(react: (client: EventEmitter, answer: Answer) => void): Promise<unknown> {
  const client = Object.assign(new EventEmitter(), {
    // ssh2 calls back with the error alone, which its types do not say.
    sftp: (callback: Parameters<SessionMaker['sftp']>[0]) =>
      setImmediate(() => react(client, (error) => void Reflect.apply(callback, undefined, [error]))),
    end: () => client.emit('close'),
  });
  const carrier = { stream: new PassThrough(), complaint: () => '', end: async () => {} };
  await using connection = new SshConnection(client, carrier, 'ann@server:22', { openMs: 20 });
  return await connection.openSession().catch((error: unknown) => error);
}

describe('a session that is not opened', () => {
  it('because the connection ended is worth another try', async () => {
    const error = await openOn((client, answer) => {
      client.emit('close');
      answer(new Error('No response from server'));
    });
    expect(error).toMatchObject({ code: 'STORAGE_UNREACHABLE', retry: 'later' });
  });

  it('because the server refuses it is not', async () => {
    const error = await openOn((_, answer) => answer(new Error('(SSH) Channel open failure')));
    expect(error).toMatchObject({ code: 'STORAGE_UNREACHABLE', retry: 'never' });
  });

  it('because the server does not answer is worth another try', async () => {
    const error = await openOn(() => {});
    expect(error).toMatchObject({ code: 'STORAGE_UNREACHABLE', retry: 'later', message: /no answer in 0.02 s/ });
  });
});

/** Which of sessions that are silent for so long are given up, with a limit of 100. */
const silent = (...silentMs: number[]): number[] =>
  silentSessions(
    silentMs.map((ms) => ({ silentMs: ms })),
    100,
  ).map((session) => session.silentMs);

describe('a session without answers', () => {
  it('is given up, and none that waits for less or for nothing', () => {
    expect(silent(100, 0)).toEqual([100]);
    expect(silent(99, 0)).toEqual([]);
  });

  it('is given more time while others that wait get answers: its bytes may have to wait for theirs', () => {
    expect(silent(399, 15)).toEqual([]);
    expect(silent(400, 15)).toEqual([400]);
  });
});
