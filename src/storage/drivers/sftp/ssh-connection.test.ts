import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import type { Client } from 'ssh2';
import { describe, expect, it } from 'vitest';
import { SshConnection } from './ssh-connection.ts';

type Answer = (error: Error) => void;

/** A connection on which a session is asked for; `react` says what ssh2 does then. */
async function openOn(react: (client: EventEmitter, answer: Answer) => void): Promise<unknown> {
  const client = Object.assign(new EventEmitter(), {
    sftp: (answer: Answer) => setImmediate(() => react(client, answer)),
    end: () => client.emit('close'),
  });
  const carrier = { stream: new PassThrough(), complaint: () => '', end: async () => {} };
  // Of ssh2's client a connection uses these methods and its events.
  await using connection = new SshConnection(client as unknown as Client, carrier, 'ann@server:22');
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
});
