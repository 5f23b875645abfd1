import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadSsh2 } from './ssh2.ts';
import { prepareLogin } from './ssh-login.ts';

it('does not wait for an agent that never answers once it is stopped', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cairn-agent-'));
  const agentSocket = join(folder, 'agent');
  const sockets: Socket[] = [];
  const agent = createServer((socket) => sockets.push(socket)).listen(agentSocket);
  try {
    await once(agent, 'listening');
    const stop = new AbortController();
    const asked = once(agent, 'connection').then(() => stop.abort(new Error('stopped')));
    const login = {
      identityFiles: [],
      identitiesOnly: false,
      forbidden: [],
      agentSocket,
      password: undefined,
      passphrase: undefined,
    };
    await expect(prepareLogin(await loadSsh2(), 'ann', login, stop.signal)).rejects.toThrow('stopped');
    await asked;
  } finally {
    for (const socket of sockets) socket.destroy();
    agent.close();
    await rm(folder, { recursive: true, force: true });
  }
});
