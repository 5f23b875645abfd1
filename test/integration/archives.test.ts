// Archives in a vault, against the programs that have to open them.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { openAge } from '../../src/formats/age/age-file.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { logged, type StorageLogEntry } from '../../src/storage/layers/log.ts';
import type { ArchiveResult } from '../../src/vault/archives/archive-action.ts';
import { howToRestore } from '../../src/vault/archives/how-to-restore.ts';
import { openArchiveShelf } from '../../src/vault/archives/open-archive-shelf.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { ageEnvironment } from '../support/age-program.ts';
import { describeTree } from '../support/describe-tree.ts';
import { makeOddTree } from '../support/odd-tree.ts';
import { peersMissing } from '../support/peers.ts';
import { quickVault } from '../support/quick-vault.ts';

const PASSWORD = 'correct horse';
let scratch: string;
let tree: string;
let identity: string;
let recipient: string;
let vault: Vault;
let vaultFolder: string;

beforeAll(async () => {
  scratch = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-archives-')));
  tree = join(scratch, 'tree');
  fs.mkdirSync(tree);
  makeOddTree(tree, { manyFiles: 200 });
  identity = await generateX25519Identity();
  recipient = await identityToRecipient(identity);
});
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));
beforeEach(async () => {
  vaultFolder = join(scratch, 'vault');
  vault = await quickVault(openLocalStorage(vaultFolder, { durable: false }), PASSWORD);
});
afterEach(async () => {
  await vault.close();
  fs.rmSync(vaultFolder, { recursive: true, force: true });
  for (const name of ['out', 'small']) fs.rmSync(join(scratch, name), { recursive: true, force: true });
});

const fileOf = ({ object }: ArchiveResult): string => join(vaultFolder, object);
const out = (): string => join(scratch, 'out');

/** A folder with one file. */
function small(content = 'content'): string {
  const folder = join(scratch, 'small');
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(join(folder, 'file.txt'), content);
  return folder;
}

describe.skipIf(peersMissing('age', 'age-plugin-batchpass', 'zstd', 'tar'))('B28: without cairn', () => {
  it.each(['password', 'key', 'none'] as const)(
    'the command of --how-to-restore gives back the tree as it was: %s',
    async (kind) => {
      const seal = { password: {}, key: { recipients: [recipient] }, none: { encrypt: false, codec: 'gzip' } } as const;
      const archive = await vault.archive(tree, seal[kind]);
      fs.mkdirSync(out());
      fs.copyFileSync(fileOf(archive), join(out(), archive.id));
      fs.writeFileSync(join(out(), 'key.txt'), `${identity}\n`, { mode: 0o600 });
      const command = howToRestore(await vaultDetails(archive.id));
      const programs = fs.mkdtempSync(join(scratch, 'bin-'));
      // A terminal of its own, since age takes a passphrase from nowhere else.
      const { status, stdout } = spawnSync('script', ['-qec', `set -o pipefail; ${command}`, '/dev/null'], {
        cwd: out(),
        env: { ...ageEnvironment(programs), SHELL: '/bin/bash' },
        input: `${PASSWORD}\n`,
        encoding: 'utf8',
      });
      expect({ status, stdout }).toMatchObject({ status: 0 });
      expect(describeTree(join(out(), 'tree'))).toEqual(describeTree(tree));
    },
  );
});

async function vaultDetails(id: string): ReturnType<Vault['get']> {
  return vault.get(id);
}

describe('B13, B19, B20: an archive', () => {
  it('comes back as it was, and its record says what it holds', async () => {
    const archive = await vault.archive(tree, { tags: ['nightly'], host: 'desk', time: '2026-11-25T23:30:05Z' });
    expect(archive).toMatchObject({
      form: 'archive',
      name: 'tree',
      tags: ['nightly'],
      host: 'desk',
      status: 'complete',
    });
    expect(archive.id).toBe('tree.20261125T233005Z.tar.zst.age');
    expect(archive.storedBytes).toBe(fs.statSync(fileOf(archive)).size);
    const result = await vault.restore('tree', { to: out() });
    expect(result).toMatchObject({
      status: 'complete',
      filesRestored: archive.fileCount,
      destination: join(out(), 'tree'),
    });
    expect(describeTree(join(out(), 'tree'))).toEqual(describeTree(tree));
  });

  it('of several paths needs a name, and keeps their full paths', async () => {
    const paths = [join(tree, 'text'), small()];
    await expect(vault.archive(paths)).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
    await vault.archive(paths, { name: 'both', encrypt: false });
    await vault.restore('both', { to: out() });
    expect(fs.readFileSync(join(out(), small(), 'file.txt'), 'utf8')).toBe('content');
    expect(fs.existsSync(join(out(), tree, 'text'))).toBe(true);
  });

  it('leaves out what patterns exclude', async () => {
    fs.writeFileSync(join(small(), 'left.tmp'), '');
    await vault.archive({ type: 'files', targets: [small()], exclude: ['*.tmp'] });
    expect(await Array.fromAsync(vault.ls('small'), ({ path }) => path)).toEqual(['/small', '/small/file.txt']);
  });

  it('is partial without what cannot be read, which is told', async () => {
    const problems: string[] = [];
    const gone = join(scratch, 'gone');
    const { status } = await vault.archive([small(), gone], {
      name: 'x',
      onProblem: ({ path }) => void problems.push(path),
    });
    expect([status, problems]).toEqual(['partial', [gone]]);
  });

  it('B17: is one also of a folder without compression, and of one file', async () => {
    await vault.archive(small(), { codec: 'none' });
    await vault.archive(join(small(), 'file.txt'), { codec: 'gzip', encrypt: false });
    await vault.restore('small', { to: out() });
    await vault.restore('file.txt', { to: out() });
    expect(fs.readdirSync(out()).sort()).toEqual(['file.txt', 'small']);
  });

  it('B16: of a compressed archive gives that file back, not what is in it', async () => {
    const tgz = join(small(), 'x.tgz');
    fs.writeFileSync(tgz, gzipSync('some tar'));
    await vault.archive(tgz);
    await vault.restore('x.tgz', { to: out() });
    expect(fs.readFileSync(join(out(), 'x.tgz')).equals(fs.readFileSync(tgz))).toBe(true);
  });

  it('B21, B33: needs no temporary file, also when it is encrypted, neither for its backup nor for its restore', async () => {
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = '/nowhere';
    try {
      await vault.archive(small());
      await vault.restore('small', { to: out() });
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
    expect(fs.readdirSync(join(vaultFolder, 'archives/small'))).toHaveLength(2);
  });

  it('that is stopped leaves nothing', async () => {
    const job = vault.archive(tree, { codec: 'gzip' });
    job.abort('enough');
    await expect(job).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await Array.fromAsync(vault.list())).toEqual([]);
    const left = fs.existsSync(join(vaultFolder, 'archives'))
      ? fs.readdirSync(join(vaultFolder, 'archives'), { recursive: true })
      : [];
    expect(left.filter((name) => String(name).includes('.tar'))).toEqual([]);
  });

  it('of nothing is an error, and nothing is stored', async () => {
    await expect(vault.archive(join(scratch, 'missing'))).rejects.toMatchObject({ code: 'SOURCE_MISSING' });
    await expect(vault.archive({ type: 'files', targets: [] })).rejects.toMatchObject({ code: 'SOURCE_EMPTY' });
    expect(fs.existsSync(join(vaultFolder, 'archives'))).toBe(false);
  });

  it('tells how far it is', async () => {
    const job = vault.archive(tree, { estimate: true });
    const seen = await Array.fromAsync(job);
    expect(seen.at(-1)).toMatchObject({ phase: 'archive', unit: 'bytes', bytes: (await job).bytes });
  });
});

describe('B25, B26, B27: passwords and keys', () => {
  it('are those of the vault, another password, public keys, or none; each opens only its own', async () => {
    const own = new Secret('another');
    const identities = [new Secret(identity)];
    const archives = {
      vault: await vault.archive(small()),
      own: await vault.archive(small(), { password: own }),
      keys: await vault.archive(small(), { recipients: [recipient] }),
      none: await vault.archive(small(), { encrypt: false }),
    };
    const open = async (id: string, keys: object): Promise<string> =>
      Buffer.concat(await Array.fromAsync(vault.cat(id, 'file.txt', keys))).toString();
    expect(await open(archives.vault.id, {})).toBe('content');
    expect(await open(archives.own.id, { password: own })).toBe('content');
    expect(await open(archives.keys.id, { identities })).toBe('content');
    expect(await open(archives.none.id, {})).toBe('content');
    await expect(open(archives.own.id, {})).rejects.toMatchObject({ code: 'PASSWORD_WRONG' });
    await expect(open(archives.keys.id, {})).rejects.toMatchObject({ code: 'IDENTITY_MISSING' });
    await expect(open(archives.vault.id, { password: new Secret('wrong') })).rejects.toMatchObject({
      code: 'PASSWORD_WRONG',
    });
  });

  it('that contradict each other are refused before anything is read', async () => {
    const password = new Secret('x');
    for (const seal of [
      { encrypt: false, recipients: [recipient] },
      { password, recipients: [recipient] },
    ]) {
      await expect(vault.archive('/nowhere', seal)).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
    }
  });

  it('B26: that are wrong are known before any byte of the payload is fetched', async () => {
    const entries: StorageLogEntry[] = [];
    const storage = logged(openMemoryStorage(), (entry) => void entries.push(entry));
    await using inMemory = await quickVault(storage, PASSWORD);
    const archive = await inMemory.archive(small(), { password: new Secret('another') });
    const object = await storage.read(archive.object);
    entries.length = 0;
    await expect(inMemory.restore(archive.id, { to: out() })).rejects.toMatchObject({ code: 'PASSWORD_WRONG' });
    const fetched = entries.filter(({ operation, name }) => operation === 'read' && name === archive.object);
    const header = Buffer.from(object).indexOf('\n', Buffer.from(object).indexOf('\n---') + 1) + 1;
    expect(fetched.map(({ receivedBytes }) => receivedBytes)).toEqual([header]);
    expect(fs.existsSync(out())).toBe(false);
  });

  it('public keys let a machine add archives to a vault that it cannot open', async () => {
    const { id } = await (async () => {
      await using shelf = await openArchiveShelf(vaultFolder);
      return await shelf.archive(small(), { recipients: [recipient] });
    })();
    await vault.restore(id, { to: out(), identities: [new Secret(identity)] });
    expect(fs.readFileSync(join(out(), 'small/file.txt'), 'utf8')).toBe('content');
  });

  it('no password at all is an error, never a silent plaintext', async () => {
    await using shelf = await openArchiveShelf(vaultFolder);
    await expect(shelf.archive(small(), {})).rejects.toMatchObject({ code: 'PASSWORD_MISSING' });
  });
});

describe('B29: a reference', () => {
  it('means the newest of a name over all forms, an earlier one by time, or an archive by its stored name', async () => {
    await vault.archive(small(), { time: '2026-11-20T10:00:00Z' });
    await vault.backup(small(), { time: '2026-11-21T10:00:00Z' });
    const last = await vault.archive(small(), { time: '2026-11-22T10:00:00Z' });
    const form = async (reference: string): Promise<string> => (await vault.get(reference)).form;
    expect(await form('small')).toBe('archive');
    expect(await form('small@2026-11-21Z')).toBe('snapshot');
    expect(await form('latest')).toBe('archive');
    expect((await vault.get('small.20261122')).id).toBe(last.id);
    expect((await vault.get(last.id)).id).toBe(last.id);
    await expect(vault.get('small.202611')).rejects.toMatchObject({ code: 'REF_UNKNOWN' });
    await expect(vault.get('small.2026112')).rejects.toMatchObject({ code: 'REF_UNKNOWN' });
    const forms = await Array.fromAsync(vault.list({ name: 'small' }), (backup) => backup.form);
    expect(forms).toEqual(['archive', 'snapshot', 'archive']);
  });

  it('that fits several stored names lists them', async () => {
    await vault.archive(small(), { time: '2026-11-22T10:00:00Z' });
    await vault.archive(small(), { time: '2026-11-22T11:00:00Z' });
    await expect(vault.get('small.20261122')).rejects.toMatchObject({ code: 'REF_AMBIGUOUS' });
  });

  it('deletes what it means, and nothing else', async () => {
    const first = await vault.archive(small(), { time: '2026-11-20T10:00:00Z' });
    const second = await vault.archive(small(), { time: '2026-11-21T10:00:00Z' });
    await vault.backup(small(), { time: '2026-11-19T10:00:00Z' });
    expect(await vault.delete([second.id])).toEqual({ removed: [second.id], failed: [] });
    expect(await Array.fromAsync(vault.list(), ({ form }) => form)).toEqual(['snapshot', 'archive']);
    expect(fs.readdirSync(join(vaultFolder, 'archives/small')).sort()).toEqual([first.id, `${first.id}.json`]);
  });
});

describe('looking into an archive', () => {
  it('lists a folder of it, prints a file by any of its paths, and one by its other name', async () => {
    fs.linkSync(join(small(), 'file.txt'), join(small(), 'other.txt'));
    fs.mkdirSync(join(small(), 'sub'));
    fs.writeFileSync(join(small(), 'sub/deep'), '');
    await vault.archive(small());
    const names = async (options: object): Promise<string[]> =>
      Array.fromAsync(vault.ls('small', options), ({ path }) => path);
    expect(await names({ path: '/small' })).toEqual(['/small/file.txt', '/small/other.txt', '/small/sub']);
    expect(await names({ path: '/small/sub', recursive: true })).toEqual(['/small/sub/deep']);
    for (const path of ['file.txt', 'small/file.txt', join(small(), 'file.txt'), 'other.txt']) {
      expect(Buffer.concat(await Array.fromAsync(vault.cat('small', path))).toString()).toBe('content');
    }
    await expect(Array.fromAsync(vault.cat('small', 'none'))).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' });
    await expect(Array.fromAsync(vault.cat('small', 'sub'))).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' });
  });

  it('restores a part of it', async () => {
    fs.mkdirSync(join(small(), 'sub'));
    fs.writeFileSync(join(small(), 'sub/deep'), 'deep');
    await vault.archive(small());
    await vault.restore('small', { to: out(), path: 'small/sub' });
    expect(fs.readdirSync(out(), { recursive: true, encoding: 'utf8' }).sort()).toEqual(['sub', 'sub/deep']);
    await expect(vault.restore('small', { to: out(), path: 'small/none', overwrite: 'always' })).rejects.toMatchObject({
      code: 'PATH_NOT_FOUND',
    });
  });
});

describe('export and import', () => {
  it('write an archive as it is, and take it back with what it holds', async () => {
    const archive = await vault.archive(small());
    const file = join(scratch, 'exported.tar.zst.age');
    await vault.exportArchive('small', { to: () => file, replace: true });
    expect(fs.readFileSync(file).equals(fs.readFileSync(fileOf(archive)))).toBe(true);
    await expect(vault.exportArchive('small', { to: () => file })).rejects.toMatchObject({ code: 'TARGET_EXISTS' });
    const imported = await vault.importArchive(file, { name: 'copy' });
    expect(imported).toMatchObject({
      codec: 'zstd',
      encryption: 'age-passphrase',
      fileCount: 1,
      tarSha256: archive.tarSha256,
    });
    await vault.restore('copy', { to: out() });
    expect(fs.readFileSync(join(out(), 'small/file.txt'), 'utf8')).toBe('content');
  });

  it('make an archive of a snapshot', async () => {
    await vault.backup(tree);
    const { storedName } = await vault.exportArchive('tree', {
      to: (name) => join(scratch, name),
      recipients: [recipient],
    });
    const file = join(scratch, storedName);
    const plain = await openAge(fs.readFileSync(file), { identities: [new Secret(identity)] });
    fs.mkdirSync(out());
    execFileSync('tar', ['-xpf', '-', '-C', out(), '--zstd'], { input: plain });
    expect(describeTree(join(out(), 'tree'))).toEqual(describeTree(tree));
  });

  it('B15, B31: know files of bakthat and of others by what they are, whatever they are called', async () => {
    const tar = execFileSync('tar', ['-cC', join(small(), '..'), 'small']);
    const files = { 'mydir.20130305193615.tgz': gzipSync(tar), 'picture.jpg': zstdCompressSync(tar), 'plain.tar': tar };
    for (const [name, bytes] of Object.entries(files)) {
      fs.writeFileSync(join(scratch, name), bytes);
      await vault.importArchive(join(scratch, name));
    }
    const found = await Array.fromAsync(vault.list(), ({ name, time }) => [name, time.getUTCFullYear()]);
    expect(found).toEqual([
      ['mydir', 2013],
      ['picture.jpg', expect.any(Number)],
      ['plain', expect.any(Number)],
    ]);
    await vault.restore('mydir', { to: out() });
    expect(fs.readFileSync(join(out(), 'small/file.txt'), 'utf8')).toBe('content');
  });

  it('B27: refuse what is no archive, what is damaged, and Blowfish of bakthat', async () => {
    const write = (name: string, bytes: Uint8Array): string => {
      fs.writeFileSync(join(scratch, name), bytes);
      return join(scratch, name);
    };
    const cases = [
      [write('text.txt', Buffer.from('no archive at all')), 'ARCHIVE_CORRUPT'],
      [write('empty.tar', new Uint8Array(0)), 'ARCHIVE_CORRUPT'],
      [write('cut.tar.zst', zstdCompressSync(Buffer.alloc(9000, 1)).subarray(0, 20)), 'ARCHIVE_CORRUPT'],
      [write('mydir.20130305193615.tgz.enc', Buffer.alloc(64)), 'NOT_SUPPORTED'],
      [join(scratch, 'missing.tar'), 'SOURCE_MISSING'],
    ] as const;
    for (const [file, code] of cases) {
      await expect(vault.importArchive(file)).rejects.toMatchObject({ code });
    }
    expect(await Array.fromAsync(vault.list())).toEqual([]);
  });

  it('refuse a file that is made to fill a disk, and take it when told to', async () => {
    const bomb = join(scratch, 'bomb.tar.zst');
    execFileSync('sh', [
      '-c',
      `head -c 200M /dev/zero > ${join(small(), 'zeros')}; tar -cC ${small()} zeros | zstd -q > ${bomb}`,
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
      const archive = await vault.archive(small('x'.repeat(5000)), options);
      const file = fileOf(archive);
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
      await expect(vault.restore('small', { to: out() })).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' });
      await expect(vault.exportArchive('small', { to: () => join(out(), 'x') })).rejects.toThrow();
    },
  );

  it('that is cut short, gone, or not described any more is found without reading it', async () => {
    const cut = await vault.archive(small(), { name: 'cut' });
    const gone = await vault.archive(small(), { name: 'gone' });
    const stray = await vault.archive(small(), { name: 'stray' });
    fs.truncateSync(fileOf(cut), 10);
    fs.rmSync(fileOf(gone));
    fs.rmSync(`${fileOf(stray)}.json`);
    const { findings } = await vault.check();
    expect(findings.map(({ kind, object }) => [kind, object])).toEqual([
      ['archive-damaged', cut.object],
      ['archive-missing', gone.object],
      ['archive-unknown', stray.object],
    ]);
  });
});
