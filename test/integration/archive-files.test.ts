// Archives as files: exported, imported, and damaged on the disk.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { openAge } from '../../src/formats/age/age-file.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { describeTree } from '../support/describe-tree.ts';
import { ArchiveStage } from '../support/archive-stage.ts';

let stage: ArchiveStage;
let vault: Vault;

beforeAll(async () => void (stage = await ArchiveStage.make()));
afterAll(() => stage[Symbol.dispose]());
beforeEach(async () => void (vault = await stage.open()));
afterEach(() => stage.close());

describe('export and import', () => {
  it('write an archive as it is, and take it back with what it holds', async () => {
    const archive = await vault.archive(stage.small());
    const file = join(stage.scratch, 'exported.tar.zst.age');
    await vault.exportArchive('small', { to: () => file, replace: true });
    expect(fs.readFileSync(file).equals(fs.readFileSync(stage.fileOf(archive)))).toBe(true);
    await expect(vault.exportArchive('small', { to: () => file })).rejects.toMatchObject({ code: 'TARGET_EXISTS' });
    const imported = await vault.importArchive(file, { name: 'copy' });
    expect(imported).toMatchObject({
      codec: 'zstd',
      encryption: 'age-passphrase',
      fileCount: 1,
      tarSha256: archive.tarSha256,
    });
    await vault.restore('copy', { to: stage.out });
    expect(fs.readFileSync(join(stage.out, 'small/file.txt'), 'utf8')).toBe('content');
  });

  it('make an archive of a snapshot', async () => {
    await vault.backup(stage.tree);
    const { storedName } = await vault.exportArchive('tree', {
      to: (name) => join(stage.scratch, name),
      recipients: [stage.recipient],
    });
    const file = join(stage.scratch, storedName);
    const plain = await openAge(fs.readFileSync(file), { identities: [new Secret(stage.identity)] });
    fs.mkdirSync(stage.out);
    execFileSync('tar', ['-xpf', '-', '-C', stage.out, '--zstd'], { input: plain });
    expect(describeTree(join(stage.out, 'tree'))).toEqual(describeTree(stage.tree));
  });

  it('say what is missing in the vault, and do not blame the file that is written', async () => {
    await vault.backup(stage.tree);
    const data = join(stage.scratch, 'vault/data');
    for (const pack of fs.readdirSync(data, { recursive: true, encoding: 'utf8' })) {
      if (/[0-9a-f]{64}$/.test(pack)) fs.rmSync(join(data, pack));
    }
    const to = join(stage.scratch, 'never');
    await expect(vault.exportArchive('tree', { to: () => to })).rejects.toMatchObject({ code: 'BLOB_MISSING' });
    expect(fs.existsSync(to)).toBe(false);
  });

  it('B15, B31: know files of bakthat and of others by what they are, whatever they are called', async () => {
    const tar = execFileSync('tar', ['-cC', join(stage.small(), '..'), 'small']);
    const files = { 'mydir.20130305193615.tgz': gzipSync(tar), 'picture.jpg': zstdCompressSync(tar), 'plain.tar': tar };
    for (const [name, bytes] of Object.entries(files)) {
      fs.writeFileSync(join(stage.scratch, name), bytes);
      await vault.importArchive(join(stage.scratch, name));
    }
    const found = await Array.fromAsync(vault.list(), ({ name, time }) => [name, time.getUTCFullYear()]);
    expect(found).toEqual([
      ['mydir', 2013],
      ['picture.jpg', expect.any(Number)],
      ['plain', expect.any(Number)],
    ]);
    await vault.restore('mydir', { to: stage.out });
    expect(fs.readFileSync(join(stage.out, 'small/file.txt'), 'utf8')).toBe('content');
  });

  it('B27: refuse what is no archive, what is damaged, and Blowfish of bakthat', async () => {
    const write = (name: string, bytes: Uint8Array): string => {
      fs.writeFileSync(join(stage.scratch, name), bytes);
      return join(stage.scratch, name);
    };
    const cases = [
      [write('text.txt', Buffer.from('no archive at all')), 'ARCHIVE_CORRUPT'],
      [write('empty.tar', new Uint8Array(0)), 'ARCHIVE_CORRUPT'],
      [write('cut.tar.zst', zstdCompressSync(Buffer.alloc(9000, 1)).subarray(0, 20)), 'ARCHIVE_CORRUPT'],
      [write('mydir.20130305193615.tgz.enc', Buffer.alloc(64)), 'NOT_SUPPORTED'],
      [join(stage.scratch, 'missing.tar'), 'SOURCE_MISSING'],
    ] as const;
    for (const [file, code] of cases) {
      await expect(vault.importArchive(file)).rejects.toMatchObject({ code });
    }
    expect(await Array.fromAsync(vault.list())).toEqual([]);
  });

  it('refuse a file that is made to fill a disk, and take it when told to', async () => {
    const bomb = join(stage.scratch, 'bomb.tar.zst');
    execFileSync('sh', [
      '-c',
      `head -c 200M /dev/zero > ${join(stage.small(), 'zeros')}; tar -cC ${stage.small()} zeros | zstd -q > ${bomb}`,
    ]);
    await expect(vault.importArchive(bomb)).rejects.toMatchObject({ code: 'ARCHIVE_TOO_LARGE' });
    const { bytes } = await vault.importArchive(bomb, { maxBytes: 300 * 1024 * 1024 });
    expect(bytes).toBe(200 * 1024 * 1024);
  });
});

describe('a damaged archive', () => {
  it.each([{}, { encrypt: false }, { encrypt: false, codec: 'none' }] as const)(
    'is found by check and by a restore: %j',
    async (options) => {
      const archive = await vault.archive(stage.small('x'.repeat(5000)), options);
      const file = stage.fileOf(archive);
      const bytes = fs.readFileSync(file);
      const at = bytes.length - 40;
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      fs.chmodSync(file, 0o600);
      fs.writeFileSync(file, bytes);
      expect((await vault.check()).isGood).toBe(true);
      const { isGood, findings } = await vault.check({ readData: 'all' });
      expect([isGood, findings.map(({ kind, object }) => [kind, object])]).toEqual([
        false,
        [['archive-damaged', archive.object]],
      ]);
      await expect(vault.restore('small', { to: stage.out })).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' });
      await expect(vault.exportArchive('small', { to: () => join(stage.out, 'x') })).rejects.toThrow();
    },
  );

  it('that is cut short, gone, or not described any more is found without reading it', async () => {
    const cut = await vault.archive(stage.small(), { name: 'cut' });
    const gone = await vault.archive(stage.small(), { name: 'gone' });
    const stray = await vault.archive(stage.small(), { name: 'stray' });
    fs.truncateSync(stage.fileOf(cut), 10);
    fs.rmSync(stage.fileOf(gone));
    fs.rmSync(`${stage.fileOf(stray)}.json`);
    const { findings } = await vault.check();
    expect(findings.map(({ kind, object }) => [kind, object])).toEqual([
      ['archive-damaged', cut.object],
      ['archive-missing', gone.object],
      ['archive-unknown', stray.object],
    ]);
  });
});
