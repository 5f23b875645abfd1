// The real program, killed ahead of one change of a file after the other while it changes tags of archives, and while it copies
// archives and values: everything that is listed restores, `check` names only what the next run settles, and that run ends the work.
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listShelf } from '../../src/archives/shelf/shelf-listing.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { openVault } from '../../src/vault/open-vault.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { endOf, startProgram, succeed } from '../support/killed-program.ts';
import { quickVault } from '../support/quick-vault.ts';

const ROUNDS = Number(process.env['CAIRN_CRASH_ROUNDS'] ?? 8);
const TIMEOUT_MS = 60_000 + ROUNDS * 30_000;
const preload = join(import.meta.dirname, '../support/kill-at-write.ts');
const NAMES = ['one', 'two', 'three'];

let scratch: string;
let full: string;
let empty: string;

beforeAll(async () => {
  scratch = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-shelf-kill-')));
  [full, empty] = [join(scratch, 'full'), join(scratch, 'empty')];
  const source = join(scratch, 'source');
  fs.mkdirSync(source);
  fs.writeFileSync(join(source, 'file'), randomBytes(300_000));
  await (await quickVault(openLocalStorage(empty, { durable: false }), 'pw')).close();
  await using vault = await quickVault(openLocalStorage(full, { durable: false }), 'pw');
  for (const name of NAMES) await vault.archive(source, { name, tags: ['old'], encrypt: false });
  for (const version of [1, 2]) await vault.values.set('key', { version });
});
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

const open = (folder: string): Promise<Vault> => openVault(folder, { password: 'pw', cache: false, jobs: 1 });

const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess =>
  startProgram(['--no-cache', '--yes', ...args], {
    home: scratch,
    preload,
    env: { CAIRN_PASSWORD: 'pw', CAIRN_TO_PASSWORD: 'pw', ...env },
  });

/** Extracts every archive that is listed, and reads every value. Returns what a check finds. */
async function readAll(folder: string): Promise<readonly string[]> {
  await using vault = await open(folder);
  for await (const { form, id } of vault.list()) {
    if (form === 'archive') {
      const to = fs.mkdtempSync(join(scratch, 'out-'));
      expect((await vault.restore(id, { to })).status).toBe('complete');
      fs.rmSync(to, { recursive: true });
    }
  }
  for await (const { key } of vault.values.list()) expect(await vault.values.get(key)).toBeDefined();
  return (await vault.check({ readData: 'all' })).findings.map(({ kind }) => kind);
}

interface Story {
  readonly argsOf: (folder: string) => readonly string[];
  /** What is copied for each round. */
  readonly from: () => string;
  readonly after: (folder: string) => Promise<void>;
  readonly done: (folder: string) => Promise<void>;
}

/** `ROUNDS` kills, spread over all changes of files from a random one of the first ones on. */
async function killRounds({ argsOf, from, after, done }: Story): Promise<void> {
  const counted = fs.mkdtempSync(join(scratch, 'counted-'));
  fs.cpSync(from(), counted, { recursive: true });
  const countFile = join(scratch, 'count');
  await succeed(start(argsOf(counted), { CAIRN_KILL_BELOW: counted, CAIRN_KILL_COUNT: countFile }));
  await done(counted);
  const steps = Number(fs.readFileSync(countFile, 'utf8'));
  expect(steps).toBeGreaterThan(8);
  const stride = Math.max(1, steps / ROUNDS);
  for (let at = 1 + Math.random() * stride; at < steps + 1; at += stride) {
    const step = Math.floor(at);
    const folder = fs.mkdtempSync(join(scratch, 'round-'));
    fs.cpSync(from(), folder, { recursive: true });
    const kill = { CAIRN_KILL_BELOW: folder, CAIRN_KILL_AT: String(step) };
    const killed = await endOf(start(argsOf(folder), kill));
    try {
      expect([killed.end, killed.output]).toEqual(['SIGKILL', expect.any(String)]);
      const findings = await readAll(folder);
      expect(findings.filter((kind) => !kind.endsWith('-leftover'))).toEqual([]);
      await after(folder);
      await succeed(start(argsOf(folder)));
      expect(await readAll(folder)).toEqual([]);
      const items = await listShelf(openLocalStorage(folder));
      expect(items.filter(({ hasMarker, hasTombstone }) => hasMarker || hasTombstone)).toEqual([]);
      await done(folder);
    } catch (error) {
      throw new Error(`killed ahead of change ${step} of ${steps}`, { cause: error });
    }
    fs.rmSync(folder, { recursive: true });
  }
}

async function tagsIn(folder: string): Promise<readonly string[]> {
  await using vault = await open(folder);
  const archives = await Array.fromAsync(vault.list());
  return archives
    .flatMap(({ form, name, tags }) => (form === 'archive' ? [`${name}: ${tags.join(' ')}`] : []))
    .toSorted();
}

async function namesIn(folder: string): Promise<readonly string[]> {
  await using vault = await open(folder);
  return (await Array.fromAsync(vault.list(), ({ name }) => name)).toSorted();
}

describe('killed ahead of any change of a file', () => {
  it(
    'tag leaves every archive with its old tags or with its new ones',
    () =>
      killRounds({
        from: () => full,
        argsOf: (folder) => ['--vault', folder, 'tag', ...NAMES, '--add', 'new'],
        after: async (folder) => {
          for (const tags of await tagsIn(folder)) expect(tags).toMatch(/: old( new)?$/);
          expect(await tagsIn(folder)).toHaveLength(NAMES.length);
        },
        done: async (folder) =>
          expect(await tagsIn(folder)).toEqual(NAMES.map((name) => `${name}: old new`).toSorted()),
      }),
    TIMEOUT_MS,
  );

  it(
    'copy leaves whole archives and values only, and the next run brings the rest, each once',
    () =>
      killRounds({
        from: () => empty,
        argsOf: (folder) => ['--vault', full, 'copy', '--to', folder, '--forms', 'archive,value'],
        after: async () => {},
        done: async (folder) => {
          expect(await namesIn(folder)).toEqual(await namesIn(full));
          await using vault = await open(folder);
          expect(await vault.values.history('key')).toHaveLength(2);
        },
      }),
    TIMEOUT_MS,
  );
});
