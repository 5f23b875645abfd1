// A server of a mirror that is killed in the middle of the work.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { faulty } from '../../src/storage/layers/faulty.ts';
import type { StorageLogEntry } from '../../src/storage/layers/log.ts';
import { StorageLayer } from '../../src/storage/layers/storage-layer.ts';
import type { Storage, StorageFeatures } from '../../src/storage/storage.ts';
import { initVault, openVault } from '../../src/vault/open-vault.ts';
import type { StorageSettings } from '../../src/vault/storage-settings.ts';
import { requirePeer } from '../support/peers.ts';
import { RESTIC_PASSWORD } from '../support/restic.ts';
import { type ServedUrl, serveTheirs } from '../support/rest-serving.ts';

let scratch: string;
let source: string;
let notices: string[];

const first = (): string => join(scratch, 'served', 'first');
const second = (): string => join(scratch, 'second');

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-mirror-dies-'));
  source = join(scratch, 'documents');
  notices = [];
  await mkdir(source);
  for (const name of ['a', 'b', 'c']) await writeFile(join(source, name), randomBytes(300_000));
  await using vault = await initVault(first(), { ...options(), generatedKey: true });
  await vault.backup(source);
  await cp(first(), second(), { recursive: true });
});

afterEach(async () => {
  await rm(scratch, { recursive: true });
});

function options(storage: StorageSettings = {}): Parameters<typeof openVault>[1] {
  return {
    password: RESTIC_PASSWORD,
    jobs: 1,
    cache: false,
    catalog: false,
    storage: { giveUpAfterMs: 1_000, ...storage },
    onNotice: ({ message }) => notices.push(message),
  };
}

/** The second storage, so far away that the first is read. */
function farAway(): Storage {
  class Far extends StorageLayer {
    override get features(): StorageFeatures {
      return { ...super.features, localPath: undefined };
    }
  }
  return faulty(new Far(openLocalStorage(second())), {
    how: 'delay',
    delayMs: 200,
    when: ({ kind }) => kind === 'stat' || kind === 'read',
  });
}

/** Kills a server after an operation on a file of that folder. */
function killing(server: ServedUrl, kind: StorageLogEntry['operation'], folder: string): StorageSettings {
  return {
    onOperation: ({ operation, name }) => {
      if (operation === kind && name.startsWith(folder)) void server[Symbol.asyncDispose]();
    },
  };
}

it('the first server killed under a restore leaves it whole, and its lock there, which is said', async () => {
  requirePeer('rest-server');
  const server = await serveTheirs(join(scratch, 'served'));
  {
    await using vault = await openVault(
      [`rest:${server.url}first/`, farAway()],
      options(killing(server, 'read', 'index/')),
    );
    const { status } = await vault.restore('documents', { to: join(scratch, 'out') });
    expect(status).toBe('complete');
  }
  execFileSync('diff', ['-r', source, join(scratch, 'out', 'documents')]);
  expect(await readdir(join(second(), 'locks'))).toEqual([]);
  const [left = ''] = await readdir(join(first(), 'locks'));
  expect(notices).toContainEqual(
    expect.stringMatching(
      new RegExp(`the lock ${left.slice(0, 8)} could not be removed: .* was given up before: .*cairn unlock`),
    ),
  );
});

it('the second server killed under a backup keeps its lock, which is said', async () => {
  requirePeer('rest-server');
  const far = await serveTheirs(join(scratch, 'served'));
  await writeFile(join(source, 'd'), randomBytes(300_000));
  {
    const place = [second(), `rest:${far.url}first/`];
    await using vault = await openVault(place, options(killing(far, 'write', 'data/')));
    expect((await vault.backup(source)).mirrors).toMatchObject([{ state: 'in-step' }, { state: 'behind' }]);
  }
  expect(notices).toContainEqual(expect.stringMatching(/the lock .* stays in rest:.*; .*cairn unlock/));
  expect(await readdir(join(first(), 'locks'))).toHaveLength(1);
});
