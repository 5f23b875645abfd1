import { readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

  it('removes what interrupted writes left, once it is old', async () => {
    await using storage = open(join(server.files, `leftovers/${++count}`));
    await storage.create();
    await storage.write('data/ab/x', new Uint8Array(1));
    const folder = join(server.files, `leftovers/${count}/data/ab`);
    for (const name of ['old-tmp-1', 'fresh-tmp-2']) await writeFile(join(folder, name), 'half');
    for (const name of ['old-tmp-1', 'x']) await utimes(join(folder, name), 1_600_000_000, 1_600_000_000);
    expect(await storage.abortStaleUploads?.(3_600_000, { folders: ['data/', 'archives/'] })).toBe(1);
    expect((await readdir(folder)).toSorted()).toEqual(['fresh-tmp-2', 'x']);
  });

  it('removes what interrupted writes of one object left, and nothing else in its folder', async () => {
    const root = join(server.files, `beside/${++count}`);
    await using storage = open(root);
    await storage.create();
    const names = ['config-tmp-1', 'config-tmp-x', 'configs-tmp-2', 'notes-tmp-3'];
    for (const name of names) {
      await writeFile(join(root, name), 'half');
      await utimes(join(root, name), 1_600_000_000, 1_600_000_000);
    }
    const which = { folders: ['data/'], objects: ['config'] };
    expect(await storage.abortStaleUploads?.(3_600_000, { ...which, dryRun: true })).toBe(1);
    expect((await readdir(root)).toSorted()).toEqual(names);
    expect(await storage.abortStaleUploads?.(3_600_000, which)).toBe(1);
    expect((await readdir(root)).toSorted()).toEqual(names.slice(1));
  });

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
