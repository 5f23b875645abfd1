import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { backupOf, CatalogFolder, VAULT } from '../../../test/support/catalog-fixture.ts';
import { VaultRecorder } from './vault-recorder.ts';

let folder: CatalogFolder;
let recorder: VaultRecorder;

beforeEach(() => {
  folder = new CatalogFolder();
  const vault = { id: VAULT, url: '/mnt/vault', kind: 'cairn' } as const;
  recorder = new VaultRecorder({ file: folder.file, vault, notify: () => {} });
});

afterEach(async () => {
  vi.useRealTimers();
  await recorder[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

it('shows a run that takes long while it goes on', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const run = recorder.startRun('long', 'prune');
  await vi.advanceTimersByTimeAsync(500);
  await recorder.flush();
  using catalog = folder.open();
  expect(catalog.runs()).toMatchObject([{ session: 'long', action: 'prune', status: 'running', endedAt: null }]);
  run.end({ status: 'ok', errorCode: null, counts: { removedPacks: 2 } });
  await recorder.flush();
  expect(catalog.runs()).toMatchObject([{ session: 'long', status: 'ok', counts: { removedPacks: 2 } }]);
});

it('writes what was recorded when it is closed, in the session of the run', async () => {
  const run = recorder.startRun('s', 'backup');
  run.recordBackup(backupOf('1'));
  run.recordBackup(backupOf('2'));
  run.recordDeleted('snapshot', ['1']);
  await recorder[Symbol.asyncDispose]();
  using catalog = folder.open();
  expect(catalog.find({ includeDeleted: true }).map(({ id, deletedAt }) => [id, deletedAt !== null])).toEqual([
    ['1', true],
    ['2', false],
  ]);
});

it('writes soon without being closed', async () => {
  recorder.inSession('s').recordBackup(backupOf('1'));
  using catalog = folder.open();
  await vi.waitUntil(() => catalog.find().length === 1);
});
