// The real program, killed at every storage operation of each command of care: after each kill a check that reads every byte names
// nothing but what the next run removes, every backup that stays is as it was, and the next run ends the work. What an operation is
// and how the program dies there: test/support/kill-at-operation.ts.
//
// It is killed after each operation, in the middle of each write, and before each operation that begins while others are under way.
//
// After each kill
// - `check` finds no error. It may name packs that nothing refers to yet (`pack-orphan`) and packs that are listed twice
//   (`index-repeated`); where the vault was damaged before, also that damage.
// - every backup that is listed can be read, and has what it had.
// After each kill at an operation that changes something the command runs again, and
// - ends well, and leaves no lock (but `migrate`, which takes none where nothing is left to do), no error, no pack that is listed
//   twice. A prune a day later leaves no lock, nothing to name, and no half-written file but that of `config`.
// After every third of these, or after all kills with CAIRN_EVERY_KILL=1, before the command runs again and after it
// - we restore every backup, and it is the same, with all metadata;
// - restic's `unlock` takes every lock for that of a dead process, its `check --read-data` finds no error and has the hints that
//   ours has, and what it restores is the same.
//
// Vaults in the same state are read, or restored from, once in a sweep. A command that lists, reads or looks leaves the vault as the
// operation before it did: it is killed there too, and what it left is compared, name by name and byte by byte
// (test/support/vault-state.ts). Only which lock of the dead is there may differ, for each process has its own. What decides whether
// a kill did harm is what lies in the vault; reading the same bytes again would say the same.
//
// The program is the built one, as it is shipped: `npm run build` after a change.
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackupRecord } from '../../src/vault/reference/backup-record.ts';
import { type Backups, type KillStory, sweepKills } from '../support/kill-sweep.ts';
import {
  damageHeader,
  damageOldest,
  deleteMiddle,
  type KillTemplates,
  loseOldest,
  makeEmptyVault,
  makeKillTemplates,
  makePrunable,
  open,
  packOfOldest,
  TIMES,
} from '../support/kill-templates.ts';
import { peersMissing } from '../support/peers.ts';
import { RESTIC_PASSWORD } from '../support/restic.ts';

const TIMEOUT_MS = process.env['CAIRN_EVERY_KILL'] === '1' ? 1_800_000 : 900_000;
const [OLDEST, MIDDLE, NEWEST] = TIMES;

let scratch: string;
let templates: KillTemplates;

beforeAll(async () => {
  scratch = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-every-kill-')));
  templates = await makeKillTemplates(scratch);
});
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

async function sweep(story: Omit<KillStory, 'passwords' | 'expectedOf'> & Partial<KillStory>): Promise<void> {
  const counts = await sweepKills(scratch, { passwords: [RESTIC_PASSWORD], expectedOf: asItWas, ...story });
  const { operations, kills, restored } = counts;
  console.info(`${operations} operations, ${kills} kills, everything restored with both programs after ${restored}`);
  expect(kills).toBeGreaterThan(5);
}

const contentsAt = ({ time }: BackupRecord, from = templates) => from.contents.get(time.toISOString());

const asItWas: KillStory['expectedOf'] = (backup) => {
  const known = contentsAt(backup);
  return known === undefined ? undefined : [known.whole];
};

const timesIn = (backups: readonly BackupRecord[] | undefined): string[] =>
  (backups ?? []).map(({ time }) => time.toISOString()).toSorted();

const tagsIn = (backups: readonly BackupRecord[] | undefined): string[] =>
  (backups ?? []).map(({ time, tags }) => `${time.toISOString()} ${tags.toSorted().join(' ')}`).toSorted();

/** All of these are there, once or more. */
const has =
  (...times: readonly string[]) =>
  ({ vault }: Backups): void =>
    expect(timesIn(vault)).toEqual(expect.arrayContaining([...times]));

/** Just these are there, each once. */
const hasOnly =
  (...times: readonly string[]) =>
  ({ vault }: Backups): void =>
    expect(timesIn(vault)).toEqual(times);

describe.skipIf(peersMissing('restic-newest'))('killed at every storage operation', () => {
  it(
    'forget leaves whole backups, those that stay among them',
    async () =>
      sweep({
        template: await templates.make('forget'),
        args: (folder) => ['--vault', join(folder, 'vault'), 'forget', '--keep-last', '1'],
        after: has(NEWEST),
        done: hasOnly(NEWEST),
      }),
    TIMEOUT_MS,
  );

  it(
    'prune leaves every backup as it was',
    async () =>
      sweep({
        template: await templates.make('prune', makePrunable),
        args: (folder) => ['--vault', join(folder, 'vault'), 'prune', '--max-unused', '0'],
        after: hasOnly(MIDDLE, NEWEST),
        done: hasOnly(MIDDLE, NEWEST),
      }),
    TIMEOUT_MS,
  );

  it(
    'copy leaves the source as it was, and whole backups in the target',
    async () => {
      const template = await templates.make('copy');
      await makeEmptyVault(join(template, 'to'));
      await sweep({
        template,
        vaults: ['vault', 'to'],
        args: (folder) => ['--vault', join(folder, 'vault'), 'copy', '--to', join(folder, 'to')],
        after: hasOnly(...TIMES),
        done: ({ vault, to }) => expect([timesIn(vault), timesIn(to)]).toEqual([TIMES, TIMES]),
      });
    },
    TIMEOUT_MS,
  );

  it(
    'repair index leaves every backup that could be read, and makes the others whole',
    async () => {
      const loseIndex = async (vault: string): Promise<void> => fs.rmSync(join(vault, 'index', templates.newestIndex));
      await sweep({
        template: await templates.make('repair-index', loseIndex),
        args: (folder) => ['--vault', join(folder, 'vault'), 'repair', 'index'],
        mayFind: /^blob-missing (?:blob|tree) /u,
        expectedOf: (backup) => (backup.time.toISOString() === NEWEST ? 'lost' : asItWas(backup)),
        after: hasOnly(...TIMES),
        done: hasOnly(...TIMES),
      });
    },
    TIMEOUT_MS,
  );

  it(
    'repair index --read-all-packs leaves every backup as it was',
    async () =>
      sweep({
        template: await templates.make('repair-index-all'),
        args: (folder) => ['--vault', join(folder, 'vault'), 'repair', 'index', '--read-all-packs'],
        after: hasOnly(...TIMES),
        done: hasOnly(...TIMES),
      }),
    TIMEOUT_MS,
  );

  it(
    'repair packs leaves every backup as it was where nothing is lost',
    async () => {
      const template = await templates.make('repair-packs', damageHeader);
      const { pack } = await packOfOldest(join(template, 'vault'), 'first');
      await sweep({
        template,
        args: (folder) => repairPacks(folder, pack),
        mayFind: new RegExp(`^pack-damaged data/.*${pack}$`, 'u'),
        after: hasOnly(...TIMES),
        done: hasOnly(...TIMES),
      });
    },
    TIMEOUT_MS,
  );

  it(
    'repair packs leaves every backup that lost nothing as it was',
    async () => {
      const template = await templates.make('repair-packs-lost', damageOldest);
      const { pack } = await packOfOldest(join(template, 'vault'), 'first');
      await sweep({
        template,
        args: (folder) => repairPacks(folder, pack),
        ends: [0, 3],
        mayFind: new RegExp(`^(?:(?:pack|blob)-damaged data/.*${pack}$|blob-missing blob )`, 'u'),
        leaves: /^blob-missing blob /u,
        expectedOf: (backup) => (backup.time.toISOString() === OLDEST ? 'lost' : asItWas(backup)),
        after: hasOnly(...TIMES),
        done: hasOnly(...TIMES),
      });
    },
    TIMEOUT_MS,
  );

  it(
    'repair snapshots leaves every backup that lost nothing as it was, and a whole version of the others',
    async () => {
      await sweep({
        template: await templates.make('repair-snapshots', loseOldest),
        args: (folder) => ['--vault', join(folder, 'vault'), 'repair', 'snapshots', '--forget'],
        mayFind: /^blob-missing blob /u,
        expectedOf: (backup) => {
          if (backup.time.toISOString() !== OLDEST) return asItWas(backup);
          return backup.tags.includes('partial') ? undefined : 'lost';
        },
        after: has(...TIMES),
        done: hasOnly(...TIMES),
      });
    },
    TIMEOUT_MS,
  );

  it(
    'key passwd leaves a vault that one of the two passwords opens',
    async () => {
      const template = await templates.make('passwd');
      fs.writeFileSync(join(template, 'new-password'), 'changed', { mode: 0o600 });
      await sweep({
        template,
        passwords: [RESTIC_PASSWORD, 'changed'],
        args: (folder) => {
          const newPassword = ['--new-password-file', join(folder, 'new-password')];
          return ['--vault', join(folder, 'vault'), 'key', 'passwd', ...newPassword];
        },
        after: hasOnly(...TIMES),
        done: (backups, password) => {
          hasOnly(...TIMES)(backups);
          expect(password).toBe('changed');
        },
      });
    },
    TIMEOUT_MS,
  );

  it(
    'rewrite --forget leaves every backup, as it was or as it is to be',
    async () =>
      sweep({
        template: await templates.make('rewrite'),
        args: (folder) => ['--vault', join(folder, 'vault'), 'rewrite', '--exclude', '*.tmp', '--forget'],
        expectedOf: (backup) => {
          const known = contentsAt(backup);
          return known === undefined ? undefined : [known.whole, known.excluded];
        },
        after: has(...TIMES),
        done: hasOnly(...TIMES),
      }),
    TIMEOUT_MS,
  );

  it(
    'tag leaves every backup, with its old tags or with its new ones',
    async () =>
      sweep({
        template: await templates.make('tag'),
        args: (folder) => ['--vault', join(folder, 'vault'), 'tag', '--set', 'new'],
        after: has(...TIMES),
        done: ({ vault }) => expect(tagsIn(vault)).toEqual(TIMES.map((time) => `${time} new`)),
      }),
    TIMEOUT_MS,
  );

  it(
    'rotate leaves whole backups of both forms, those that stay among them',
    async () => {
      const archive = async (path: string): Promise<void> => {
        await using vault = await open(path);
        const source = join(scratch, 'base-2', 'source');
        for (const time of [MIDDLE, NEWEST]) await vault.archive(source, { time, encrypt: false });
      };
      const newest = templates.contents.get(NEWEST);
      await sweep({
        template: await templates.make('rotate', archive),
        args: (folder) => ['--vault', join(folder, 'vault'), 'rotate', '--days', '1', '--now', '2024-01-03T12:00:00Z'],
        mayFind: /^archive-leftover /u,
        expectedOf: (backup) => (backup.form === 'archive' && newest !== undefined ? [newest.whole] : asItWas(backup)),
        after: has(NEWEST),
        done: ({ vault = [] }) =>
          expect(vault.map(({ form, time }) => `${form} ${time.toISOString()}`).toSorted()).toEqual([
            `archive ${NEWEST}`,
            `snapshot ${NEWEST}`,
          ]),
      });
    },
    TIMEOUT_MS,
  );

  it(
    'recover leaves every backup as it was, and brings what was lost',
    async () => {
      await sweep({
        template: await templates.make('recover', deleteMiddle),
        args: (folder) => ['--vault', join(folder, 'vault'), 'recover'],
        after: has(OLDEST, NEWEST),
        done: ({ vault = [] }) =>
          expect(vault.map(({ tags }) => tags).filter((tags) => tags.includes('recovered'))).toHaveLength(1),
      });
    },
    TIMEOUT_MS,
  );

  it(
    'migrate leaves every backup as it was, in a vault of one of the two versions',
    async () => {
      const first = await makeKillTemplates(scratch, 1);
      await sweep({
        template: await first.make('migrate'),
        keepsStaleLock: true,
        args: (folder) => ['--vault', join(folder, 'vault'), 'migrate'],
        expectedOf: (backup) => [contentsAt(backup, first)?.whole ?? {}],
        after: hasOnly(...TIMES),
        done: hasOnly(...TIMES),
      });
    },
    TIMEOUT_MS,
  );
});

function repairPacks(folder: string, pack: string): readonly string[] {
  return ['--vault', join(folder, 'vault'), 'repair', 'packs', pack, '--copies-to', join(folder, 'copies')];
}
