import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { storageConformance } from '../../src/storage/conformance.ts';
import { openSftpStorage } from '../../src/storage/drivers/sftp/sftp-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { peersMissing } from '../support/peers.ts';
import { SshServer } from '../support/ssh-server.ts';

let server: SshServer;
let count = 0;

describe.skipIf(peersMissing('sshd'))('an SFTP storage of OpenSSH', () => {
  beforeAll(async () => {
    server = await SshServer.start();
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  const kinds: Record<string, () => Storage> = {
    'an absolute path': () => open(join(server.files, `absolute/${++count}`)),
    'a relative path': () => open(`relative/${++count}`),
    'one session': () => open(`single/${++count}`, 1),
  };

  for (const [kind, make] of Object.entries(kinds)) {
    describe(kind, () => {
      for (const c of storageConformance) {
        it(c.name, { timeout: 60_000 }, ({ signal }) => c.run(async () => make(), signal));
      }
    });
  }
});

function open(path: string, connections?: number): Storage {
  return openSftpStorage(server.location(path, { connections }), server.environment());
}
