// Our REST server with restic as its client.
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { localGoTime } from '../../src/formats/go-time.ts';
import { encodeLock } from '../../src/formats/lock/lock-file.ts';
import { initRepository } from '../../src/repository/init-repository.ts';
import { lockRepository } from '../../src/repository/lock/repository-lock.ts';
import type { RestServer, RestServerOptions } from '../../src/server/rest/rest-server.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { describeTree } from '../support/describe-tree.ts';
import {
  cheapenKey,
  filesOf,
  makeTheirs,
  resticJson,
  type ResticName,
  type ResticSnapshot,
  resticText,
  startRestic,
} from '../support/interop.ts';
import { peersMissing } from '../support/peers.ts';
import { TEST_KDF } from '../support/repository-fixture.ts';
import { accountsOf, serveOurs } from '../support/rest-serving.ts';

let scratch = '';
let source = '';
let server: RestServer | undefined;

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'cairn-rest-'));
  source = join(scratch, 'source');
  mkdirSync(join(source, 'deep'), { recursive: true });
  writeFileSync(join(source, 'deep', 'noise'), randomBytes(3_000_000));
  writeFileSync(join(source, 'text'), 'some text\n'.repeat(10_000));
});

afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
  server = undefined;
  rmSync(scratch, { recursive: true, force: true });
});

const folder = (): string => join(scratch, 'served');

async function serve(options: Partial<RestServerOptions> = {}, storage?: Storage): Promise<RestServer> {
  mkdirSync(folder(), { recursive: true });
  server = await serveOurs(storage ?? openLocalStorage(folder()), options);
  return server;
}

/** URL of a repository for restic. */
function urlOf({ url }: RestServer, repo: string, user?: string, password = `${user}-password`): string {
  return `rest:${user === undefined ? url : url.replace('//', `//${user}:${password}@`)}${repo}`;
}

for (const peer of ['restic', 'restic-newest'] as const satisfies readonly ResticName[]) {
  describe.skipIf(peersMissing(peer))(`${peer} through our server`, () => {
    it('backs up, checks, restores, forgets and prunes', async () => {
      const repo = urlOf(await serve(), 'host/');
      await resticText(peer, repo, ['init']);
      await cheapenKey(openLocalStorage(join(folder(), 'host')));
      await resticText(peer, repo, ['backup', source]);
      writeFileSync(join(source, 'deep', 'noise'), randomBytes(3_000_000));
      await resticText(peer, repo, ['backup', source]);
      await resticText(peer, repo, ['forget', '--keep-last', '1', '--prune']);
      expect(await resticText(peer, repo, ['check', '--read-data'])).toContain('no errors were found');
      await resticText(peer, repo, ['restore', 'latest', '--target', join(scratch, 'out')]);
      expect(describeTree(join(scratch, 'out', source))).toEqual(describeTree(source));
      expect(await resticJson<ResticSnapshot[]>(peer, repo, ['snapshots'])).toHaveLength(1);
    });

    it('leaves a repository that it also reads without a server', async () => {
      const repo = urlOf(await serve(), 'a/b/');
      await makeTheirs(peer, join(folder(), 'a', 'b'));
      await resticText(peer, repo, ['backup', source]);
      expect(await resticText(peer, join(folder(), 'a', 'b'), ['check', '--read-data'])).toContain(
        'no errors were found',
      );
    });

    it('works on a storage that has no folder of this machine', async () => {
      const storage = openMemoryStorage();
      const repo = urlOf(await serve({}, storage), '');
      await resticText(peer, repo, ['init']);
      await cheapenKey(storage);
      await resticText(peer, repo, ['backup', source]);
      expect(await resticText(peer, repo, ['check', '--read-data'])).toContain('no errors were found');
    });

    it('can add to an append-only server, and remove nothing but its locks', async () => {
      const repo = urlOf(await serve({ appendOnly: true }), 'r/');
      await resticText(peer, repo, ['init']);
      await cheapenKey(openLocalStorage(join(folder(), 'r')));
      await resticText(peer, repo, ['backup', source]);
      const before = filesOf(join(folder(), 'r'), 'snapshots');
      // restic 0.14 would try for a minute.
      if (peer === 'restic-newest') expect((await startRestic(peer, repo, ['forget', before[0]!])).exit).not.toBe(0);
      const refused = await fetch(`${urlOf(server!, 'r/').slice('rest:'.length)}snapshots/${before[0]!}`, {
        method: 'DELETE',
      });
      expect(refused.status).toBe(403);
      expect(filesOf(join(folder(), 'r'), 'snapshots')).toEqual(before);
      expect(await resticText(peer, repo, ['check'])).toContain('no errors were found');
      expect(filesOf(join(folder(), 'r'), 'locks').length).toBeLessThanOrEqual(1);
      await resticText(peer, repo, ['unlock', '--remove-all']);
      expect(filesOf(join(folder(), 'r'), 'locks')).toEqual([]);
    });

    it('reaches the own repositories of its user only', async () => {
      const access = { kind: 'users', accounts: await accountsOf('ana', 'bob'), privateRepos: true } as const;
      const running = await serve({ access });
      await makeTheirs(peer, join(folder(), 'ana'));
      await resticText(peer, urlOf(running, 'ana/', 'ana'), ['backup', source]);
      await resticText(peer, urlOf(running, 'ana/second/', 'ana'), ['init']);
      expect((await startRestic(peer, urlOf(running, 'bob/', 'ana'), ['init'])).exit).toBe(1);
      expect((await startRestic(peer, urlOf(running, 'ana/', 'bob'), ['snapshots'])).exit).not.toBe(0);
    });

    it('is refused at once with a wrong password', async () => {
      const access = { kind: 'users', accounts: await accountsOf('ana'), privateRepos: false } as const;
      const running = await serve({ access });
      const { exit, stderr } = await startRestic(peer, urlOf(running, 'r/', 'ana', 'wrong'), ['init']);
      expect(exit).toBe(1);
      expect(stderr).toMatch(/401|unauthorized/iu);
    });

    it('cannot exceed the quota, can free space all the same, and goes on', { timeout: 300_000 }, async () => {
      await makeTheirs(peer, folder());
      const running = await serve({ maxTotalBytes: 6_000_000 });
      const repo = urlOf(running, '');
      await resticText(peer, repo, ['backup', join(source, 'deep')]);
      const used = running.quota!.usedBytes;
      expect(used).toBeGreaterThan(3_000_000);
      const body = randomBytes(4_000_000);
      const id = createHash('sha256').update(body).digest('hex');
      const response = await fetch(`${running.url}data/${id}`, { method: 'POST', body });
      expect(response.status).toBe(507);
      await resticText(peer, repo, ['forget', '--prune', '--keep-tag', 'none', 'latest']);
      expect(running.quota!.usedBytes).toBeLessThan(used - 2_900_000);
      expect(await resticText(peer, repo, ['check'])).toContain('no errors were found');
    });
  });
}

describe('a lock behind our server', () => {
  it('of a machine whose clock is behind is in use while the server got its file a moment ago', async () => {
    const { url } = await serve();
    const storage = await openStorage(`rest:${url}r/`);
    await using repository = await initRepository(storage, { password: new Secret('pw'), kdf: TEST_KDF });
    const time = localGoTime(BigInt(Date.now() - 40 * 60_000) * 1_000_000n);
    const theirs = { time, exclusive: true, hostname: 'behind', username: '', pid: 1, uid: 0, gid: 0 };
    const id = await repository.saveUnpacked('lock', encodeLock(theirs));
    await expect(lockRepository(repository, { mode: 'shared' })).rejects.toMatchObject({ code: 'VAULT_LOCKED' });
    const hourAgo = new Date(Date.now() - 3_600_000);
    utimesSync(join(folder(), 'r', 'locks', id), hourAgo, hourAgo);
    await using lock = await lockRepository(repository, { mode: 'shared' });
    expect(filesOf(join(folder(), 'r'), 'locks')).toEqual([lock.id]);
  });
});
