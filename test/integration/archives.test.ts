// Archives in a vault, against the programs that have to open them.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { logged, type StorageLogEntry } from '../../src/storage/layers/log.ts';
import { howToRestore } from '../../src/vault/archives/how-to-restore.ts';
import { openArchiveShelf } from '../../src/vault/archives/open-archive-shelf.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { ageEnvironment } from '../support/age-program.ts';
import { describeTree } from '../support/describe-tree.ts';
import { peersMissing } from '../support/peers.ts';
import { quickVault } from '../support/quick-vault.ts';
import { ArchiveStage } from '../support/archive-stage.ts';

let stage: ArchiveStage;
let vault: Vault;

beforeAll(async () => void (stage = await ArchiveStage.make()));
afterAll(() => stage[Symbol.dispose]());
beforeEach(async () => void (vault = await stage.open()));
afterEach(() => stage.close());

describe.skipIf(peersMissing('age', 'age-plugin-batchpass', 'zstd', 'tar'))('B28: without cairn', () => {
  it.each(['password', 'key', 'none'] as const)(
    'the command of --how-to-restore gives back the tree as it was: %s',
    async (kind) => {
      const seal = {
        password: {},
        key: { recipients: [stage.recipient] },
        none: { encrypt: false, codec: 'gzip' },
      } as const;
      const archive = await vault.archive(stage.tree, seal[kind]);
      fs.mkdirSync(stage.out);
      fs.copyFileSync(stage.fileOf(archive), join(stage.out, archive.id));
      fs.writeFileSync(join(stage.out, 'key.txt'), `${stage.identity}\n`, { mode: 0o600 });
      const command = howToRestore(await vaultDetails(archive.id));
      const programs = fs.mkdtempSync(join(stage.scratch, 'bin-'));
      // A terminal of its own, since age takes a passphrase from nowhere else.
      const { status, stdout } = spawnSync('script', ['-qec', `set -o pipefail; ${command}`, '/dev/null'], {
        cwd: stage.out,
        env: { ...ageEnvironment(programs), SHELL: '/bin/bash' },
        input: `${ArchiveStage.password}\n`,
        encoding: 'utf8',
      });
      expect({ status, stdout }).toMatchObject({ status: 0 });
      expect(describeTree(join(stage.out, 'tree'))).toEqual(describeTree(stage.tree));
    },
  );
});

async function vaultDetails(id: string): ReturnType<Vault['get']> {
  return vault.get(id);
}

describe('B13, B19, B20: an archive', () => {
  it('comes back as it was, and its record says what it holds', async () => {
    const archive = await vault.archive(stage.tree, { tags: ['nightly'], host: 'desk', time: '2026-11-25T23:30:05Z' });
    expect(archive).toMatchObject({
      form: 'archive',
      name: 'tree',
      tags: ['nightly'],
      host: 'desk',
      status: 'complete',
    });
    expect(archive.id).toBe('tree.20261125T233005Z.tar.zst.age');
    expect(archive.storedBytes).toBe(fs.statSync(stage.fileOf(archive)).size);
    const result = await vault.restore('tree', { to: stage.out });
    expect(result).toMatchObject({
      status: 'complete',
      filesRestored: archive.fileCount,
      destination: join(stage.out, 'tree'),
    });
    expect(describeTree(join(stage.out, 'tree'))).toEqual(describeTree(stage.tree));
  });

  it('of several paths needs a name, and keeps their full paths', async () => {
    const paths = [join(stage.tree, 'text'), stage.small()];
    await expect(vault.archive(paths)).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
    await vault.archive(paths, { name: 'both', encrypt: false });
    await vault.restore('both', { to: stage.out });
    expect(fs.readFileSync(join(stage.out, stage.small(), 'file.txt'), 'utf8')).toBe('content');
    expect(fs.existsSync(join(stage.out, stage.tree, 'text'))).toBe(true);
  });

  it('leaves out what patterns exclude', async () => {
    fs.writeFileSync(join(stage.small(), 'left.tmp'), '');
    await vault.archive({ type: 'files', targets: [stage.small()], exclude: ['*.tmp'] });
    expect(await Array.fromAsync(vault.ls('small'), ({ path }) => path)).toEqual(['/small', '/small/file.txt']);
    await expect(Array.fromAsync(vault.ls('small', { path: '/smal' }))).rejects.toMatchObject({
      code: 'PATH_NOT_FOUND',
    });
  });

  it('is partial without what cannot be read, which is told', async () => {
    const problems: string[] = [];
    const gone = join(stage.scratch, 'gone');
    const { status } = await vault.archive([stage.small(), gone], {
      name: 'x',
      onProblem: ({ path }) => void problems.push(path),
    });
    expect([status, problems]).toEqual(['partial', [gone]]);
  });

  it('B17: is one also of a folder without compression, and of one file', async () => {
    await vault.archive(stage.small(), { codec: 'none' });
    await vault.archive(join(stage.small(), 'file.txt'), { codec: 'gzip', encrypt: false });
    await vault.restore('small', { to: stage.out });
    await vault.restore('file.txt', { to: stage.out });
    expect(fs.readdirSync(stage.out).sort()).toEqual(['file.txt', 'small']);
  });

  it('B16: of a compressed archive gives that file back, not what is in it', async () => {
    const tgz = join(stage.small(), 'x.tgz');
    fs.writeFileSync(tgz, gzipSync('some tar'));
    await vault.archive(tgz);
    await vault.restore('x.tgz', { to: stage.out });
    expect(fs.readFileSync(join(stage.out, 'x.tgz')).equals(fs.readFileSync(tgz))).toBe(true);
  });

  it('B21, B33: needs no temporary file, also when it is encrypted, neither for its backup nor for its restore', async () => {
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = '/nowhere';
    try {
      await vault.archive(stage.small());
      await vault.restore('small', { to: stage.out });
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
    expect(fs.readdirSync(join(stage.vaultFolder, 'archives/small'))).toHaveLength(2);
  });

  it('that is stopped leaves nothing', async () => {
    const job = vault.archive(stage.tree, { codec: 'gzip' });
    job.abort('enough');
    await expect(job).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await Array.fromAsync(vault.list())).toEqual([]);
    const left = fs.existsSync(join(stage.vaultFolder, 'archives'))
      ? fs.readdirSync(join(stage.vaultFolder, 'archives'), { recursive: true })
      : [];
    expect(left.filter((name) => String(name).includes('.tar'))).toEqual([]);
  });

  it('of nothing is an error, and nothing is stored', async () => {
    await expect(vault.archive(join(stage.scratch, 'missing'))).rejects.toMatchObject({ code: 'SOURCE_MISSING' });
    await expect(vault.archive({ type: 'files', targets: [] })).rejects.toMatchObject({ code: 'SOURCE_EMPTY' });
    expect(fs.existsSync(join(stage.vaultFolder, 'archives'))).toBe(false);
  });

  it('tells how far it is', async () => {
    const job = vault.archive(stage.tree, { estimate: true });
    const seen = await Array.fromAsync(job);
    expect(seen.at(-1)).toMatchObject({ phase: 'archive', unit: 'bytes', bytes: (await job).bytes });
  });
});

describe('B25, B26, B27: passwords and keys', () => {
  it('are those of the vault, another password, public keys, or none; each opens only its own', async () => {
    const own = new Secret('another');
    const identities = [new Secret(stage.identity)];
    const archives = {
      vault: await vault.archive(stage.small()),
      own: await vault.archive(stage.small(), { password: own }),
      keys: await vault.archive(stage.small(), { recipients: [stage.recipient] }),
      none: await vault.archive(stage.small(), { encrypt: false }),
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
      { encrypt: false, recipients: [stage.recipient] },
      { password, recipients: [stage.recipient] },
    ]) {
      await expect(vault.archive('/nowhere', seal)).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
    }
  });

  it('B26: that are wrong are known before any byte of the payload is fetched', async () => {
    const entries: StorageLogEntry[] = [];
    const storage = logged(openMemoryStorage(), (entry) => void entries.push(entry));
    await using inMemory = await quickVault(storage, ArchiveStage.password);
    const archive = await inMemory.archive(stage.small(), { password: new Secret('another') });
    const object = await storage.read(archive.object);
    entries.length = 0;
    await expect(inMemory.restore(archive.id, { to: stage.out })).rejects.toMatchObject({ code: 'PASSWORD_WRONG' });
    const fetched = entries.filter(({ operation, name }) => operation === 'read' && name === archive.object);
    const header = Buffer.from(object).indexOf('\n', Buffer.from(object).indexOf('\n---') + 1) + 1;
    expect(fetched.map(({ receivedBytes }) => receivedBytes)).toEqual([header]);
    expect(fs.existsSync(stage.out)).toBe(false);
  });

  it('public keys let a machine add archives to a vault that it cannot open', async () => {
    const { id } = await (async () => {
      await using shelf = await openArchiveShelf(stage.vaultFolder);
      return await shelf.archive(stage.small(), { recipients: [stage.recipient] });
    })();
    await vault.restore(id, { to: stage.out, identities: [new Secret(stage.identity)] });
    expect(fs.readFileSync(join(stage.out, 'small/file.txt'), 'utf8')).toBe('content');
  });

  it('no password at all is an error, never a silent plaintext', async () => {
    await using shelf = await openArchiveShelf(stage.vaultFolder);
    await expect(shelf.archive(stage.small(), {})).rejects.toMatchObject({ code: 'PASSWORD_MISSING' });
  });
});

describe('B29: a reference', () => {
  it('means the newest of a name over all forms, an earlier one by time, or an archive by its stored name', async () => {
    await vault.archive(stage.small(), { time: '2026-11-20T10:00:00Z' });
    await vault.backup(stage.small(), { time: '2026-11-21T10:00:00Z' });
    const last = await vault.archive(stage.small(), { time: '2026-11-22T10:00:00Z' });
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
    await vault.archive(stage.small(), { time: '2026-11-22T10:00:00Z' });
    await vault.archive(stage.small(), { time: '2026-11-22T11:00:00Z' });
    await expect(vault.get('small.20261122')).rejects.toMatchObject({ code: 'REF_AMBIGUOUS' });
  });

  it('deletes what it means, and nothing else', async () => {
    const first = await vault.archive(stage.small(), { time: '2026-11-20T10:00:00Z' });
    const second = await vault.archive(stage.small(), { time: '2026-11-21T10:00:00Z' });
    await vault.backup(stage.small(), { time: '2026-11-19T10:00:00Z' });
    expect(await vault.delete([second.id])).toEqual({ removed: [second.id], failed: [] });
    expect(await Array.fromAsync(vault.list(), ({ form }) => form)).toEqual(['snapshot', 'archive']);
    expect(fs.readdirSync(join(stage.vaultFolder, 'archives/small')).sort()).toEqual([first.id, `${first.id}.json`]);
  });
});

describe('looking into an archive', () => {
  it('lists a folder of it, prints a file by any of its paths, and one by its other name', async () => {
    fs.linkSync(join(stage.small(), 'file.txt'), join(stage.small(), 'other.txt'));
    fs.mkdirSync(join(stage.small(), 'sub'));
    fs.writeFileSync(join(stage.small(), 'sub/deep'), '');
    await vault.archive(stage.small());
    const names = async (options: object): Promise<string[]> =>
      Array.fromAsync(vault.ls('small', options), ({ path }) => path);
    expect(await names({ path: '/small' })).toEqual(['/small/file.txt', '/small/other.txt', '/small/sub']);
    expect(await names({ path: '/small/sub', recursive: true })).toEqual(['/small/sub/deep']);
    for (const path of ['file.txt', 'small/file.txt', join(stage.small(), 'file.txt'), 'other.txt']) {
      expect(Buffer.concat(await Array.fromAsync(vault.cat('small', path))).toString()).toBe('content');
    }
    await expect(Array.fromAsync(vault.cat('small', 'none'))).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' });
    await expect(Array.fromAsync(vault.cat('small', 'sub'))).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' });
  });

  it('restores a part of it', async () => {
    fs.mkdirSync(join(stage.small(), 'sub'));
    fs.writeFileSync(join(stage.small(), 'sub/deep'), 'deep');
    await vault.archive(stage.small());
    await vault.restore('small', { to: stage.out, path: 'small/sub' });
    expect(fs.readdirSync(stage.out, { recursive: true, encoding: 'utf8' }).sort()).toEqual(['sub', 'sub/deep']);
    await expect(
      vault.restore('small', { to: stage.out, path: 'small/none', overwrite: 'always' }),
    ).rejects.toMatchObject({
      code: 'PATH_NOT_FOUND',
    });
  });
});
