import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { gatherWrites } from './gather-writes.ts';

describe('gatherWrites', () => {
  it('sends the writes of one turn together, in order, and those of the next turn too', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('no address');
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const socket = gatherWrites(connect(address.port, '127.0.0.1'));
    const [[peer]] = await Promise.all([accepted, once(socket, 'connect')]);
    const received = peer.toArray();
    for (const text of ['a', 'b', 'c']) socket.write(text);
    expect(socket.writableLength).toBe(3);
    await new Promise((resolve) => setImmediate(resolve));
    expect(socket.writableCorked).toBe(0);
    socket.write('d');
    socket.end();
    expect(Buffer.concat((await received) as Buffer[]).toString()).toBe('abcd');
    server.close();
  });
});
