// The real program, killed at random instants of care: no backup that stays may suffer, and the next run ends the work.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listShelf } from '../../src/archives/shelf/shelf-listing.ts';
import { hasCode } from '../../src/base/errors.ts';
import { Secret } from '../../src/base/secret.ts';
import { parseGoTime } from '../../src/formats/go-time.ts';
import { initRepository } from '../../src/repository/init-repository.ts';
import { listKeys } from '../../src/repository/keys.ts';
import { openRepository } from '../../src/repository/open-repository.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { listSnapshots, saveSnapshot } from '../../src/repository/snapshots.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { backUpPath, errorsIn, readAllSnapshots, recordOf } from '../support/archive-fixture.ts';
import { filesOf } from '../support/interop.ts';
import { endOf, type ProgramRun, startProgram, succeed } from '../support/killed-program.ts';
import { findPeer } from '../support/peer-catalog.ts';
import { peersMissing } from '../support/peers.ts';
import { RESTIC_PASSWORD, runRestic } from '../support/restic.ts';

const ROUNDS = Number(process.env['CAIRN_CRASH_ROUNDS'] ?? 8);
const TIMEOUT_MS = 60_000 + ROUNDS * 30_000;
const PEER = findPeer('restic-newest') === undefined ? 'restic' : 'restic-newest';
const BACKUPS = 30;
const oldPassword = new Secret(RESTIC_PASSWORD);
const newPassword = new Secret('changed');

let scratch: string;

beforeAll(async () => {
  scratch = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-care-kill-')));
  const source = join(scratch, 'source');
  fs.mkdirSync(join(source, 'sub'), { recursive: true });
  for (let file = 0; file < 20; file++) fs.writeFileSync(join(source, `f${file}`), randomBytes(30_000));
  fs.writeFileSync(join(source, 'sub', 'drop.tmp'), 'left out by the rewrite');
  fs.writeFileSync(join(scratch, 'new-password'), 'changed', { mode: 0o600 });
  for (const version of [1, 2] as const) await makeVault(source, version);
  fs.cpSync(join(scratch, 'version-2'), join(scratch, 'archived'), { recursive: true });
  await makeArchives(join(scratch, 'archived'));
});
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

async function makeVault(source: string, version: 1 | 2): Promise<void> {
  const storage = openLocalStorage(join(scratch, `version-${version}`), { durable: false });
  const kdf = { N: 1024, r: 8, p: 1 };
  const repository = await initRepository(storage, { password: oldPassword, chunker: 'rabin', version, kdf });
  const { snapshot } = recordOf(await backUpPath(repository, source));
  for (let hour = 1; hour < BACKUPS; hour++) {
    const time = parseGoTime(`2024-01-${String(1 + (hour % 28)).padStart(2, '0')}T00:00:00Z`);
    await saveSnapshot(repository, { ...snapshot, time: { ...time, ns: time.ns + BigInt(hour) } });
  }
}

/** Six archives of one name, a day apart. */
async function makeArchives(vault: string): Promise<void> {
  for (let day = 22; day <= 27; day++) {
    const saved = ['archive', join(scratch, 'source'), '--no-encrypt', '--time', `2024-01-${day}T10:00:00Z`];
    await succeed(startProgram(['--vault', vault, ...saved], { home: scratch }));
  }
}

const cairn = (vault: string, args: readonly string[], killAfterMs?: number): Promise<ProgramRun> =>
  endOf(
    startProgram(['--vault', vault, '--yes', '--no-cache', ...args], {
      home: scratch,
      env: { CAIRN_PASSWORD: RESTIC_PASSWORD },
    }),
    killAfterMs,
  );

async function withVault<T>(vault: string, use: (repository: Repository) => Promise<T>): Promise<T> {
  const storage = openLocalStorage(vault);
  try {
    return await use(await openRepository(storage, { password: oldPassword }));
  } catch (error) {
    if (!hasCode(error, 'PASSWORD_WRONG')) throw error;
    return await use(await openRepository(storage, { password: newPassword }));
  }
}

interface Killed {
  readonly args: readonly string[];
  readonly version?: 1 | 2;
  /** Makes something to do. */
  readonly damage?: (vault: string) => void;
  /** What holds after the kill; by default no damage. */
  readonly after?: (repository: Repository) => Promise<void>;
  /** What holds once the command has ended. */
  readonly done: (repository: Repository) => Promise<void>;
}

async function expectWhole(repository: Repository): Promise<void> {
  expect(await errorsIn(repository)).toEqual([]);
  await readAllSnapshots(repository);
}

async function killRounds({ args, version = 2, damage, after = expectWhole, done }: Killed): Promise<void> {
  let tookMs = 0;
  let killed = 0;
  for (let round = -1; round <= ROUNDS; round++) {
    const vault = fs.mkdtempSync(join(scratch, 'round-'));
    fs.cpSync(join(scratch, `version-${version}`), vault, { recursive: true });
    damage?.(vault);
    // The first two are not killed: one has to compile what it runs, and the other tells how long it takes without that.
    // The start of the program takes a good part of it, and changes nothing.
    const run = await cairn(vault, args, round <= 0 ? undefined : tookMs * (0.35 + Math.random() * 0.65));
    if (run.end !== 'SIGKILL') tookMs = run.tookMs;
    if (run.end === 'SIGKILL') {
      killed++;
      await withVault(vault, after);
      const again = await cairn(vault, args);
      // The password may have been changed already.
      if (again.end !== 0 && again.end !== 12) throw new Error(`the next run ended with ${again.end}: ${again.output}`);
    } else if (run.end !== 0) throw new Error(`it ended with ${run.end}: ${run.output}`);
    await withVault(vault, done);
    if (args[0] !== 'key') expect(runRestic(PEER, vault, ['check', '--read-data'])).toContain('no errors were found');
    fs.rmSync(vault, { recursive: true });
  }
  expect(killed).toBeGreaterThan(0);
}

const countOf = async (repository: Repository): Promise<number> => (await listSnapshots(repository)).length;

/** Snapshots, and archives with all that belongs to them. */
async function shelvesOf(repository: Repository): Promise<readonly unknown[]> {
  const archives = await listShelf(repository.origin);
  return [
    await countOf(repository),
    archives.map(({ stored, hasMarker, hasSidecar }) => [stored, hasMarker, hasSidecar]),
  ];
}

describe.skipIf(peersMissing(PEER))('killed at any instant', () => {
  it(
    'rotate leaves every backup whole, of both forms, and the next run ends it',
    async () => {
      let whole: readonly unknown[] | undefined;
      await killRounds({
        args: ['rotate', '--days', '3', '--now', '2024-01-28T12:00:00Z'],
        damage: (vault) =>
          fs.cpSync(join(scratch, 'archived', 'archives'), join(vault, 'archives'), { recursive: true }),
        after: async (repository) => {
          await expectWhole(repository);
          expect(await countOf(repository)).toBeGreaterThanOrEqual(2);
        },
        // As after the first run, which nobody kills.
        done: async (repository) =>
          expect(await shelvesOf(repository)).toEqual((whole ??= await shelvesOf(repository))),
      });
      expect(whole).toMatchObject([expect.any(Number), { length: 2 }]);
    },
    TIMEOUT_MS,
  );

  it(
    'forget leaves every backup whole, and the next run ends it',
    () =>
      killRounds({
        args: ['forget', '--keep-last', '3'],
        after: async (repository) => {
          await expectWhole(repository);
          expect(await countOf(repository)).toBeGreaterThanOrEqual(3);
        },
        done: async (repository) => expect(await countOf(repository)).toBe(3),
      }),
    TIMEOUT_MS,
  );

  it(
    'tag leaves every backup, and the next run leaves each once',
    () =>
      killRounds({
        args: ['tag', '--add', 'new'],
        after: async (repository) => {
          await expectWhole(repository);
          expect(await countOf(repository)).toBeGreaterThanOrEqual(BACKUPS);
        },
        done: async (repository) => {
          const tags = (await listSnapshots(repository)).map(({ snapshot }) => snapshot.tags.join(','));
          expect(tags).toEqual(Array.from({ length: BACKUPS }, () => 'new'));
        },
      }),
    TIMEOUT_MS,
  );

  it(
    'rewrite leaves every backup, and the next run leaves each once',
    () =>
      killRounds({
        args: ['rewrite', '--exclude', '*.tmp', '--forget'],
        after: async (repository) => {
          await expectWhole(repository);
          expect(await countOf(repository)).toBeGreaterThanOrEqual(BACKUPS);
        },
        done: async (repository) => expect(await countOf(repository)).toBe(BACKUPS),
      }),
    TIMEOUT_MS,
  );

  it(
    'repair index is ended by the next run',
    () =>
      killRounds({
        args: ['repair', 'index'],
        damage: (vault) => {
          for (const name of filesOf(vault, 'index')) fs.rmSync(join(vault, 'index', name));
        },
        after: async () => {},
        done: expectWhole,
      }),
    TIMEOUT_MS,
  );

  it(
    'repair index --read-all-packs never leaves a vault worse than it was',
    () => killRounds({ args: ['repair', 'index', '--read-all-packs'], done: expectWhole }),
    TIMEOUT_MS,
  );

  it(
    'repair packs keeps all that is intact',
    () =>
      killRounds({
        args: ['repair', 'packs', largestPack(join(scratch, 'version-2')), '--no-copies'],
        damage: damageHeader,
        after: readAllOf,
        done: expectWhole,
      }),
    TIMEOUT_MS,
  );

  it(
    'key passwd leaves a vault that one of the two passwords opens',
    () =>
      killRounds({
        args: ['key', 'passwd', '--new-password-file', join(scratch, 'new-password')],
        done: async (repository) => {
          expect(await countOf(repository)).toBe(BACKUPS);
          expect(await listKeys(repository)).toHaveLength(1);
        },
      }),
    TIMEOUT_MS,
  );

  it(
    'migrate leaves a vault of one of the two versions',
    () =>
      killRounds({
        args: ['migrate'],
        version: 1,
        done: async (repository) => {
          expect(repository.config.version).toBe(2);
          await expectWhole(repository);
        },
      }),
    TIMEOUT_MS,
  );
});

const readAllOf = async (repository: Repository): Promise<void> => void (await readAllSnapshots(repository));

const pathOfPack = (vault: string, id: string): string => join(vault, 'data', id.slice(0, 2), id);

function largestPack(vault: string): string {
  const sizeOf = (id: string): number => fs.statSync(pathOfPack(vault, id)).size;
  return filesOf(vault, 'data').toSorted((a, b) => sizeOf(b) - sizeOf(a))[0] ?? '';
}

/** Every blob is intact, and only the index still says where they are. */
function damageHeader(vault: string): void {
  const path = pathOfPack(vault, largestPack(vault));
  const bytes = fs.readFileSync(path);
  bytes[bytes.length - 40] = (bytes.at(-40) ?? 0) ^ 1;
  fs.chmodSync(path, 0o600);
  fs.writeFileSync(path, bytes);
}
