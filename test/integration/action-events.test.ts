// The events of what is done to backups that are there: guards, tags, copies, checks; of snapshots and archives alike.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { type ActionName, actionNames, type VaultEvents } from '../../src/vault/vault-events.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { quickVault } from '../support/quick-vault.ts';

let folder: string;
let storage: Storage;
let vault: Vault;
let target: Vault;
let told: { readonly name: string; readonly event: VaultEvents[keyof VaultEvents] }[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cairn-events-'));
  writeFileSync(join(folder, 'file'), 'content');
  storage = openMemoryStorage();
  vault = await quickVault(storage, 'correct horse');
  target = await quickVault(openMemoryStorage(), 'another one');
  await vault.backup(folder, { name: 'app' });
  await vault.archive(folder, { name: 'packed' });
  told = [];
  for (const action of actionNames) {
    for (const moment of ['before', 'done', 'failed'] as const) {
      const name = `${action}.${moment}` as const;
      vault.on(name, (event) => void told.push({ name, event }));
    }
  }
});
afterEach(async () => {
  await vault.close();
  await target.close();
  rmSync(folder, { recursive: true });
});

const toldOf = (action: ActionName): typeof told => told.filter(({ event }) => event.action === action);
const named = (action: ActionName): string[] => toldOf(action).map(({ name }) => name);
const sessions = (action: ActionName): number => new Set(toldOf(action).map(({ event }) => event.sessionId)).size;
const facts = (action: ActionName): object[] => toldOf(action).map(({ event }) => event);

describe('a guard', () => {
  it('tells of its beginning and its end around those of its backup, in sessions of their own', async () => {
    await vault.guard(folder, () => 'returned', { name: 'app', label: 'v2', release: 'on-success' });
    expect(told.map(({ name }) => name)).toEqual([
      'guard.before',
      'backup.before',
      'backup.done',
      'tag.before',
      'tag.done',
      'guard.done',
    ]);
    expect([sessions('guard'), sessions('backup'), new Set(told.map(({ event }) => event.sessionId)).size]).toEqual([
      1, 1, 3,
    ]);
  });

  it('tells what it guards and which backup it made, and keeps what the change returned to itself', async () => {
    const { backup } = await vault.guard(folder, () => ({ password: 'secret' }), { name: 'app', label: 'v2' });
    const [before, done] = facts('guard');
    expect(before).toMatchObject({ options: { source: folder, label: 'v2' } });
    expect(done).toMatchObject({ result: { backup: { id: backup.id }, released: false } });
    expect(JSON.stringify(done)).not.toContain('secret');
  });

  it('tells of the error that the change threw', async () => {
    const error = new Error('the migration broke');
    await expect(vault.guard(folder, () => Promise.reject(error))).rejects.toBe(error);
    expect(named('guard')).toEqual(['guard.before', 'guard.failed']);
    expect(facts('guard').at(-1)).toMatchObject({ error });
  });

  it('that a listener refuses makes no backup and begins no change', async () => {
    let isBegun = false;
    vault.on('guard.before', ({ veto }) => veto('not today'));
    await expect(vault.guard(folder, () => void (isBegun = true))).rejects.toMatchObject({ code: 'ACTION_VETOED' });
    expect([isBegun, named('guard'), named('backup')]).toEqual([false, ['guard.before', 'guard.failed'], []]);
  });
});

describe.each(['app', 'packed'])('tags of %s', (reference) => {
  it('tell what changes, and what changed', async () => {
    await vault.tag({ add: ['kept'] }, { references: [reference] });
    expect([named('tag'), sessions('tag')]).toEqual([['tag.before', 'tag.done'], 1]);
    const [before, done] = facts('tag');
    expect(before).toMatchObject({ options: { change: { add: ['kept'] }, references: [reference] } });
    expect(done).toMatchObject({ result: { changed: [{ before: { name: reference } }] } });
  });

  it('stay where a listener refuses', async () => {
    vault.on('tag.before', ({ veto }) => veto('not today'));
    const tagging = vault.tag({ add: ['kept'] }, { references: [reference] });
    await expect(tagging).rejects.toMatchObject({ code: 'ACTION_VETOED' });
    const [backup] = await Array.fromAsync(vault.list({ name: reference }));
    expect(backup?.tags).toEqual([]);
  });

  it('tell of a failure', async () => {
    await expect(vault.tag({ add: ['a,b'] }, { references: [reference] })).rejects.toThrow(TypeError);
    expect(named('tag')).toEqual(['tag.before', 'tag.failed']);
  });

  it('tell nobody of what is only planned', async () => {
    await vault.tag({ add: ['kept'] }, { references: [reference], dryRun: true });
    expect(told).toEqual([]);
  });
});

describe('a copy', () => {
  it('tells where it goes, and of each backup what became of it', async () => {
    await vault.copyTo(target);
    expect([named('copy'), sessions('copy')]).toEqual([['copy.before', 'copy.done'], 1]);
    const [before, done] = facts('copy');
    expect(before).toMatchObject({ options: { target: target.url } });
    expect(done).toMatchObject({
      result: {
        copies: [
          { outcome: 'copied', backup: { form: 'snapshot' } },
          { outcome: 'copied', backup: { form: 'archive' } },
        ],
      },
    });
  });

  it('tells of a failure', async () => {
    await expect(vault.copyTo(target, { references: ['nothing'] })).rejects.toMatchObject({ code: 'REF_UNKNOWN' });
    expect(named('copy')).toEqual(['copy.before', 'copy.failed']);
  });
});

describe('a check', () => {
  it('tells how many backups of both forms it looked at, and whether all is well', async () => {
    await vault.check();
    expect([named('check'), sessions('check')]).toEqual([['check.before', 'check.done'], 1]);
    expect(facts('check').at(-1)).toMatchObject({ result: { isGood: true, snapshots: 1, archives: 1 } });
  });

  it('tells of damage as its result, not as its failure', async () => {
    const [index] = await Array.fromAsync(storage.list('index/'));
    await storage.remove(index?.name ?? '');
    await vault.check();
    expect(facts('check').at(-1)).toMatchObject({ result: { isGood: false } });
    expect(named('check')).toEqual(['check.before', 'check.done']);
  });

  it('that is stopped tells of its failure', async () => {
    const stopped = new AbortController();
    vault.on('check.before', () => stopped.abort());
    await expect(vault.check({ signal: stopped.signal })).rejects.toMatchObject({ code: 'ABORTED' });
    expect(named('check')).toEqual(['check.before', 'check.failed']);
  });
});
