// A backup that lacks something says so wherever it is listed, and takes no whole one's place.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Source } from '../../src/archiver/source.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { Secret } from '../../src/base/secret.ts';
import { encodeTree } from '../../src/formats/tree/tree-encoder.ts';
import { listSnapshots, saveSnapshot } from '../../src/repository/snapshots.ts';
import { repairSnapshots } from '../../src/vault/care/repair-snapshots.ts';
import type { BackupOptions, BackupResult } from '../../src/vault/actions/backup-action.ts';
import { initVault } from '../../src/vault/open-vault.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { backUp as backUpSource, openFolderSource, recordOf } from '../support/archive-fixture.ts';
import { requirePeer } from '../support/peers.ts';
import { contextOf } from '../support/fault-sweep.ts';
import { aSnapshot, blobIdOf, fileNode, makeRepository, storeIndex, storePack } from '../support/repository-fixture.ts';
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

/** Names of all packs, below `data/`. */
const packs = (): string[] =>
  readdirSync(join(scratch, 'vault', 'data'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.includes('/'),
  );

/** Of two whole backups of one day the first loses the content of a file. */
async function loseContent(): Promise<void> {
  await vault.backup([data()], { name: 'base' });
  const before = new Set(packs());
  writeFileSync(gone(), randomBytes(100_000));
  await vault.backup([data(), gone()], { name: 'app', time: new Date(Date.UTC(2024, 2, 14, 1)), tags: ['nightly'] });
  const added = packs().filter((name) => !before.has(name));
  const sizes = new Map(added.map((name) => [name, statSync(join(scratch, 'vault', 'data', name)).size]));
  await backUp(2, true);
  const [largest = ''] = added.toSorted((a, b) => (sizes.get(b) ?? 0) - (sizes.get(a) ?? 0));
  rmSync(join(scratch, 'vault', 'data', largest));
  await vault.repairIndex();
}

describe('a backup that was repaired', () => {
  it('is marked where something of it is lost, beside the tag that restic gives it', async () => {
    await loseContent();
    await vault.repairSnapshots();
    const [repaired] = await Array.fromAsync(vault.list({ tags: { all: ['repaired'] } }));
    expect(repaired?.tags).toEqual(['nightly', 'repaired', 'partial']);
  });

  it('is marked once where the old version goes, and takes no whole one of its day the place', async () => {
    await loseContent();
    await vault.repairSnapshots({ forget: true });
    const [repaired] = await Array.fromAsync(vault.list({ tags: { all: ['nightly'] } }));
    expect(repaired?.tags).toEqual(['nightly', 'partial']);
    expect(await vault.repairSnapshots({ forget: true })).toMatchObject({ changes: [] });
    await vault.rotate({ name: 'app' }, { days: 1 }, { now: '2024-03-14T12:00:00Z' });
    expect(await hours()).toEqual([2]);
  });

  it('is not marked where only a size was wrong', async () => {
    const { repository } = await makeRepository();
    const content = await storePack(repository, [{ type: 'data', plain: utf8('content') }]);
    const root = encodeTree([fileNode('file', [blobIdOf(utf8('content'))], 8)]);
    await storeIndex(repository, [content, await storePack(repository, [{ type: 'tree', plain: root }])]);
    await saveSnapshot(repository, aSnapshot(blobIdOf(root)));
    await repairSnapshots(contextOf(repository), { forget: true });
    expect((await listSnapshots(repository)).map(({ snapshot }) => snapshot.tags)).toEqual([[]]);
  });
});
