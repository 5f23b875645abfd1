// Servers that are there and do not go on: each ends with an error within its limit, and the next try works where it can.
import fs from 'node:fs';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { openSftpStorage } from '../../src/storage/drivers/sftp/sftp-storage.ts';
import type { SshEnvironment } from '../../src/storage/drivers/sftp/ssh-settings.ts';
import { retrying } from '../../src/storage/layers/retry.ts';
import { peersMissing } from '../support/peers.ts';
import { SshServer } from '../support/ssh-server.ts';

const closing: AsyncDisposable[] = [];

afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

async function start(config: readonly string[] = []): Promise<SshServer> {
  const server = await SshServer.start({ config });
  closing.push(server);
  return server;
}

/** The client configuration of a server with these lines before it. */
function configured(server: SshServer, lines: readonly string[], more: Partial<SshEnvironment> = {}): SshEnvironment {
  const file = join(server.home, '.ssh/impatient');
  fs.writeFileSync(file, [...lines, ''].join('\n'));
  return server.environment({ configFiles: [file, server.clientConfig], ...more });
}

/** Takes connections and says nothing. */
async function silentPort(): Promise<number> {
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((socket) => sockets.add(socket.on('error', () => {}))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push({
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
  return (server.address() as AddressInfo).port;
}

const failure = { code: 'STORAGE_UNREACHABLE', retry: 'later' };

describe.skipIf(peersMissing('sshd'))('a server that takes a connection and stays silent', () => {
  it('is given up after ConnectTimeout', async () => {
    const server = await start();
    const port = await silentPort();
    await using storage = openSftpStorage(server.location('v', { port }), configured(server, ['ConnectTimeout 1']));
    await expect(storage.stat('config')).rejects.toMatchObject(failure);
  });

  it('is given up behind a jump host too', async () => {
    const server = await start();
    const port = await silentPort();
    const environment = configured(server, [
      'Host behind',
      '  HostName 127.0.0.1',
      `  Port ${port}`,
      '  ProxyJump test-server',
      'Host *',
      '  ConnectTimeout 1',
    ]);
    const location = { ...server.location('v'), host: 'behind', port: undefined };
    await using storage = openSftpStorage(location, environment);
    await expect(storage.stat('config')).rejects.toMatchObject(failure);
  });

  it('is given up where it starts a program that is no SFTP server', async () => {
    const server = await start(['Subsystem sftp /bin/sleep 1000']);
    await using storage = openSftpStorage(server.location('v'), configured(server, ['ConnectTimeout 1']));
    await expect(storage.stat('config')).rejects.toMatchObject(failure);
  });
});

const program = '/usr/lib/openssh/sftp-server';

describe.skipIf(peersMissing('sshd') || !fs.existsSync(program))('a session that stalls', () => {
  const patience = { pingMs: 50, answerMs: 400 };

  it('is given up, although the connection answers, and the next try has another one', async () => {
    const server = await start([`Subsystem sftp ${program} `]);
    await using storage = openSftpStorage(
      server.location(join(server.files, 'vault'), { connections: 1 }),
      server.environment({ patience }),
    );
    await storage.create();
    await storage.write('config', utf8('c'));
    for (const pid of server.sessions()) if (isProgram(pid)) process.kill(pid, 'SIGSTOP');
    await expect(storage.read('config')).rejects.toMatchObject(failure);
    expect(Buffer.from(await retrying(storage, { firstDelayMs: 10 }).read('config')).toString()).toBe('c');
  });

  it('is not given up while it has nothing to do', async () => {
    const server = await start([`Subsystem sftp ${program}`]);
    await using storage = openSftpStorage(
      server.location(join(server.files, 'vault'), { connections: 1 }),
      server.environment({ patience: { pingMs: 5, answerMs: 10 } }),
    );
    await storage.create();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const [before] = server.sessions().filter(isProgram);
    expect(await storage.stat('config')).toBeUndefined();
    expect(server.sessions().filter(isProgram)).toEqual([before]);
  });
});

function isProgram(pid: number): boolean {
  return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(program);
}
