// A backup that lacks something says so wherever it is listed, and takes no whole one's place.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Source } from '../../src/archiver/source.ts';
import { Secret } from '../../src/base/secret.ts';
import type { BackupOptions, BackupResult } from '../../src/vault/actions/backup-action.ts';
import { initVault } from '../../src/vault/open-vault.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { backUp as backUpSource, openFolderSource, recordOf } from '../support/archive-fixture.ts';
import { requirePeer } from '../support/peers.ts';
import { makeRepository } from '../support/repository-fixture.ts';
import { RESTIC_PASSWORD, runRestic } from '../support/restic.ts';

let scratch: string;
let vault: Vault;

const data = (): string => join(scratch, 'data');
const gone = (): string => join(scratch, 'gone');

beforeEach(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'cairn-partial-'));
  writeFileSync(data(), 'content');
  vault = await initVault(join(scratch, 'vault'), {
    password: new Secret(RESTIC_PASSWORD),
    generatedKey: true,
    jobs: 1,
    cache: false,
    catalog: { file: join(scratch, 'catalog.sqlite') },
  });
});
afterEach(async () => {
  await vault.close();
  rmSync(scratch, { recursive: true });
});

/** Each at its own time of the fourteenth. */
async function backUp(hour: number, isWhole: boolean, options: BackupOptions = {}): Promise<BackupResult> {
  if (isWhole) writeFileSync(gone(), `written at ${hour}`);
  else rmSync(gone(), { force: true });
  return await vault.backup([data(), gone()], { name: 'app', time: new Date(Date.UTC(2024, 2, 14, hour)), ...options });
}

const hours = async (): Promise<number[]> =>
  (await Array.fromAsync(vault.list({ name: 'app' }))).map(({ time }) => time.getUTCHours()).sort((a, b) => a - b);

describe('a backup that lacks something', () => {
  it('is marked in its result, in the list and in the catalog', async () => {
    const whole = await backUp(1, true, { tags: ['nightly'] });
    const { status, tags, id } = await backUp(2, false, { tags: ['nightly'] });
    expect([whole.tags, status, tags]).toEqual([['nightly'], 'partial', ['nightly', 'partial']]);
    expect((await Array.fromAsync(vault.list({ tags: { all: ['partial'] } }))).map((one) => one.id)).toEqual([id]);
    const rows = await vault.catalog.query("select backup from backup_tags where tag = 'partial'");
    expect(rows).toHaveLength(1);
  });

  it('is marked as an archive as well', async () => {
    const { id } = await vault.archive([data(), gone()], { name: 'packed', tags: ['nightly'] });
    const [archive] = await Array.fromAsync(vault.list({ name: 'packed' }));
    expect([archive?.id, archive?.tags]).toEqual([id, ['nightly', 'partial']]);
  });

  it('keeps its mark when tags are set', async () => {
    await backUp(1, false);
    await vault.tag({ set: ['other'] }, { references: ['app'] });
    expect((await Array.fromAsync(vault.list()))[0]?.tags).toEqual(['partial', 'other']);
  });

  it('is followed by a whole one, also where an unchanged source is not saved again', async () => {
    mkdirSync(join(scratch, 'folder'));
    const source = await openFolderSource(join(scratch, 'folder'));
    const list: Source['root']['list'] = (report) => {
      report({ path: Buffer.from('gone'), during: 'read', code: 'SOURCE_UNREADABLE', message: 'refused' });
      return source.root.list(report);
    };
    const { repository } = await makeRepository();
    const first = await backUpSource(repository, { ...source, root: { ...source.root, list } });
    const next = await backUpSource(repository, source, { skipIfUnchanged: true, parent: recordOf(first) });
    const last = await backUpSource(repository, source, { skipIfUnchanged: true, parent: recordOf(next) });
    expect([first.snapshot.tags, next.status, next.snapshot.tags, last.status]).toEqual([
      ['partial'],
      'complete',
      [],
      'skipped',
    ]);
  });

  it('stays behind the whole one of its day in a rotation', async () => {
    await backUp(1, false);
    await backUp(2, true);
    await backUp(3, false);
    await backUp(4, true);
    await vault.rotate({ name: 'app' }, { days: 1 }, { now: '2024-03-14T12:00:00Z' });
    expect(await hours()).toEqual([2, 4]);
  });

  it('is never all that retention leaves', async () => {
    await backUp(1, true);
    await backUp(2, false);
    await backUp(3, false);
    await vault.deleteOlderThan('1h', { name: 'app' }, { now: '2024-03-18T12:00:00Z' });
    expect(await hours()).toEqual([1, 3]);
    await vault.forget(await vault.planForget({ last: 1 }));
    expect(await hours()).toEqual([1, 3]);
  });

  it('is shown as such by restic', async () => {
    requirePeer('restic');
    await backUp(1, false);
    const listed = runRestic('restic', join(scratch, 'vault'), ['snapshots', '--json', '--tag', 'partial']);
    expect(JSON.parse(listed)).toHaveLength(1);
  });
});
