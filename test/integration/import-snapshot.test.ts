// Archives that become snapshots.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { encodeTarHeader, TAR_END, tarPadding } from '../../src/formats/tar/tar-header.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { describeTree } from '../support/describe-tree.ts';
import { addAttributes, makeOddTree } from '../support/odd-tree.ts';
import { peersMissing } from '../support/peers.ts';
import { quickVault } from '../support/quick-vault.ts';

let scratch: string;
let temporary: string;
let odd: string;
let tree: string;
let vault: Vault;

beforeAll(() => {
  scratch = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-import-')));
  odd = join(scratch, 'srv/odd');
  fs.mkdirSync(odd, { recursive: true });
  makeOddTree(odd, { manyFiles: 50 });
  if (!peersMissing('setfacl')) addAttributes(odd);
  tree = join(scratch, 'srv/data');
  fs.mkdirSync(join(tree, 'deep/er'), { recursive: true });
  fs.writeFileSync(join(tree, 'deep/er/file'), 'content');
  fs.writeFileSync(join(tree, 'text'), randomBytes(256 * 1024));
  fs.symlinkSync('text', join(tree, 'link'));
  fs.chmodSync(join(tree, 'deep'), 0o750);
});
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));
beforeEach(async () => {
  temporary = fs.mkdtempSync(join(scratch, 'tmp-'));
  vi.stubEnv('TMPDIR', temporary);
  vault = await quickVault(openMemoryStorage(), 'correct horse');
});
afterEach(async () => {
  await vault.close();
  vi.unstubAllEnvs();
  fs.rmSync(join(scratch, 'out'), { recursive: true, force: true });
});

const out = (): string => join(scratch, 'out');
const file = (name: string): string => join(scratch, name);

/** A tar entry with any name and type, hostile ones included. */
function entry(name: string, content = '', linkName = ''): Uint8Array {
  const bytes = utf8(content);
  const header = encodeTarHeader({
    kind: linkName === '' ? 'file' : 'symlink',
    name: utf8(name),
    linkName: utf8(linkName),
    mode: 0o644,
    uid: 0,
    gid: 0,
    user: '',
    group: '',
    sizeBytes: BigInt(bytes.length),
    mtimeNs: 0n,
    device: 0n,
    xattrs: [],
  });
  return Buffer.concat([header, bytes, Buffer.alloc(tarPadding(BigInt(bytes.length)))]);
}

describe('an archive that is imported as a snapshot', () => {
  it('gives the tree that was archived: names, modes, times, links, attributes', async () => {
    const { id } = await vault.backup(odd);
    const exported = file('odd.20261120T101112Z.tar.zst.age');
    await vault.exportArchive(id, { to: () => exported });
    const imported = await vault.importArchive(exported, { as: 'snapshot' });
    expect(imported).toMatchObject({ form: 'snapshot', name: 'odd', status: 'complete', paths: ['/odd'] });
    expect(imported.time.toISOString()).toBe('2026-11-20T10:11:12.000Z');
    await vault.restore(imported.id, { to: out() });
    expect(describeTree(join(out(), 'odd'))).toEqual(describeTree(odd));
    expect(fs.readdirSync(temporary)).toEqual([]);
  });

  it('has paths, name, host, tags and time of an archive of the vault', async () => {
    const time = '2026-11-19T08:00:00.123Z';
    const { id } = await vault.archive(tree, { name: 'site', tags: ['nightly'], host: 'desk', time });
    const imported = await vault.importArchive(id, { as: 'snapshot' });
    expect(imported).toMatchObject({ name: 'site', tags: ['nightly'], host: 'desk', paths: [tree] });
    expect(imported.time.toISOString()).toBe(time);
    await vault.restore(imported.id, { to: out() });
    expect(describeTree(join(out(), 'data'))).toEqual(describeTree(tree));
  });

  it('is one of the vault also where a folder has its name', async () => {
    await vault.archive(tree, { name: 'src' });
    // The working directory of the tests is the root of the project.
    expect(await vault.importArchive('src', { as: 'snapshot' })).toMatchObject({ name: 'src', status: 'complete' });
    await expect(vault.importArchive('src')).rejects.toMatchObject({ code: 'SOURCE_UNREADABLE' });
  });

  it('keeps the full paths of an archive of several', async () => {
    const paths = [join(tree, 'deep'), join(tree, 'text')];
    await vault.archive(paths, { name: 'both' });
    const imported = await vault.importArchive('both', { as: 'snapshot' });
    expect(imported.paths).toEqual(paths);
    await vault.restore(imported.id, { to: out() });
    expect(describeTree(join(out(), tree, 'deep/er'))).toEqual(describeTree(join(tree, 'deep/er')));
  });

  it('is found by name where one file was archived', async () => {
    await vault.archive(join(tree, 'text'));
    const imported = await vault.importArchive('text', { as: 'snapshot' });
    await vault.restore(imported.id, { to: out() });
    expect(describeTree(join(out(), 'text'))['']).toMatchObject({ hash: describeTree(join(tree, 'text'))['']?.hash });
  });

  it('shares its data with what is there', async () => {
    const { id } = await vault.archive(tree);
    await vault.importArchive(id, { as: 'snapshot' });
    const again = await vault.importArchive(id, { as: 'snapshot' });
    // Nodes hold inodes and the time of the last change, so the trees are new ones.
    expect(again.counts.addedBytes).toBeLessThan(64 * 1024);
  });

  it('reads the sidecar that lies beside a file', async () => {
    const archive = await vault.archive(tree, { name: 'site', tags: ['kept'] });
    await vault.exportArchive(archive.id, { to: () => file('renamed') });
    const { name, host, time, tags, paths, codec, bytes, storedBytes, program } = archive;
    const sidecar = {
      version: 1,
      name,
      host,
      time,
      tags,
      paths,
      codec,
      encryption: archive.encryption,
      headerBytes: 0,
    };
    const { fileCount, directoryCount, tarBytes, storedSha256, tarSha256 } = archive;
    const counts = { fileCount, directoryCount, sourceBytes: bytes, tarBytes, storedBytes, storedSha256, tarSha256 };
    fs.writeFileSync(file('renamed.json'), JSON.stringify({ ...sidecar, ...counts, problems: 0, program }));
    const imported = await vault.importArchive(file('renamed'), { as: 'snapshot' });
    expect(imported).toMatchObject({ name: 'site', tags: ['kept'], paths: [tree] });
  });

  it('is partial without what a restore would refuse, which is named', async () => {
    const hostile = [
      entry('site/good', 'good'),
      entry('../out', 'bad'),
      entry('site/link', '', '/etc'),
      entry('site/link/x'),
    ];
    fs.writeFileSync(file('site.tar'), Buffer.concat([...hostile, TAR_END]));
    const imported = await vault.importArchive(file('site.tar'), { as: 'snapshot' });
    expect(imported.status).toBe('partial');
    expect(imported.problems.map(({ path, code }) => [path, code])).toEqual([
      ['../out', 'NAME_HOSTILE'],
      ['/site/link/x', 'NAME_HOSTILE'],
    ]);
    expect(await Array.fromAsync(vault.ls(imported.id), ({ path }) => path)).toEqual([
      '/site',
      '/site/good',
      '/site/link',
    ]);
  });

  it.each([
    ['is damaged', 'ARCHIVE_CORRUPT', (): void => damage(file('bad.tar.zst'))],
    ['is not there', 'SOURCE_MISSING', (): void => fs.rmSync(file('bad.tar.zst'))],
  ])('is none where the archive %s, and leaves no folder behind', async (_, code, spoil) => {
    const { id } = await vault.archive(join(tree, 'text'), { encrypt: false });
    await vault.exportArchive(id, { to: () => file('bad.tar.zst'), replace: true });
    spoil();
    await expect(vault.importArchive(file('bad.tar.zst'), { as: 'snapshot' })).rejects.toMatchObject({ code });
    expect(await Array.fromAsync(vault.list(), ({ form }) => form)).toEqual(['archive']);
    expect(fs.readdirSync(temporary)).toEqual([]);
  });

  it('goes through a folder that only this user may enter', async () => {
    const { id } = await vault.archive(tree);
    const modes = new Set<number>();
    const job = vault.importArchive(id, { as: 'snapshot' });
    for await (const _ of job) {
      for (const name of fs.readdirSync(temporary)) modes.add(fs.statSync(join(temporary, name)).mode & 0o777);
    }
    await job;
    expect([...modes]).toEqual([0o700]);
  });
});

function damage(path: string): void {
  const bytes = fs.readFileSync(path);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  fs.writeFileSync(path, bytes);
}
