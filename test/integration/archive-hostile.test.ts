// Archives in a storage that others can write to: what lies beside an archive is not authenticated, and must not lead a restore
// astray. In memory, since nothing here is about storages.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listShelf, markerOf, sidecarOf } from '../../src/archives/shelf/shelf-listing.ts';
import { concatBytes, utf8 } from '../../src/base/bytes.ts';
import type { TarEntry } from '../../src/formats/tar/tar-entry.ts';
import { encodeTarHeader, TAR_END, tarPadding } from '../../src/formats/tar/tar-header.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { StorageLayer } from '../../src/storage/layers/storage-layer.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { quickVault } from '../support/quick-vault.ts';

let scratch: string;
let storage: Storage;
let vault: Vault;
/** Most bytes that were asked for at once. */
let largestRead: number;

class Watched extends StorageLayer {
  override async read(...args: Parameters<Storage['read']>): ReturnType<Storage['read']> {
    const bytes = await super.read(...args);
    largestRead = Math.max(largestRead, bytes.length);
    return bytes;
  }
}

beforeEach(async () => {
  scratch = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-hostile-')));
  fs.mkdirSync(join(scratch, 'tree'));
  fs.writeFileSync(join(scratch, 'tree', 'file'), 'content');
  storage = new Watched(openMemoryStorage());
  vault = await quickVault(storage, 'pw');
  largestRead = 0;
});
afterEach(async () => {
  await vault.close();
  fs.rmSync(scratch, { recursive: true, force: true });
});

const out = (): string => join(scratch, 'a', 'b', 'out');
const filesBelow = (folder: string): string[] =>
  fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

function tarOf(...files: readonly (readonly [name: string, content: string])[]): Uint8Array {
  const parts = files.flatMap(([name, content]) => {
    const entry: TarEntry = {
      kind: 'file',
      name: utf8(name),
      linkName: new Uint8Array(),
      sizeBytes: BigInt(content.length),
      mode: 0o600,
      uid: 0,
      gid: 0,
      user: '',
      group: '',
      mtimeNs: 0n,
      device: 0n,
      xattrs: [],
    };
    return [encodeTarHeader(entry), utf8(content), new Uint8Array(tarPadding(content.length))];
  });
  return concatBytes([...parts, TAR_END]);
}

/** Puts other bytes in the place of an archive, and a sidecar that fits them, as whoever may write the storage can. */
async function replace(
  object: string,
  bytes: Uint8Array,
  change: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await storage.write(object, bytes);
  await changeSidecar(object, {
    storedBytes: bytes.length,
    tarBytes: bytes.length,
    storedSha256: sha256,
    tarSha256: sha256,
    encryption: 'none',
    codec: 'none',
    headerBytes: 0,
    ...change,
  });
}

async function changeSidecar(object: string, change: Readonly<Record<string, unknown>>): Promise<void> {
  const old = JSON.parse(Buffer.from(await storage.read(sidecarOf(object))).toString()) as object;
  await storage.write(sidecarOf(object), utf8(JSON.stringify({ ...old, ...change })));
}

describe('a description that lies', () => {
  it.each(['/../../evil/tree', '/x/../../../evil/tree', '../../evil/tree'])(
    'about where the archive was (%s) never leads out of the target',
    async (lie) => {
      const { object } = await vault.archive(join(scratch, 'tree'), { name: 'tree' });
      await changeSidecar(object, { paths: [lie] });
      await Promise.allSettled([vault.restore('tree', { to: out(), absolute: true })]);
      expect(filesBelow(scratch).filter((name) => !name.startsWith('a/b/out/'))).toEqual(['tree/file']);
    },
  );

  it('about what is in it does not let it replace what was there before', async () => {
    const { object } = await vault.archive(join(scratch, 'tree'), { name: 'tree', encrypt: false });
    await replace(object, tarOf(['tree/file', 'good'], ['precious', 'evil']));
    fs.mkdirSync(out(), { recursive: true });
    fs.writeFileSync(join(out(), 'precious'), 'precious');
    const { status, problems } = await vault.restore('tree', { to: out() });
    expect(fs.readFileSync(join(out(), 'precious'), 'utf8')).toBe('precious');
    expect(fs.readFileSync(join(out(), 'tree', 'file'), 'utf8')).toBe('good');
    expect([status, problems.map(({ code }) => code)]).toEqual(['partial', ['NAME_HOSTILE']]);
  });

  it('about the size of its header takes no memory for that', async () => {
    const { object } = await vault.archive(join(scratch, 'tree'), { name: 'tree', encrypt: false, codec: 'none' });
    await replace(object, tarOf(['tree/file', 'x'.repeat(8_000_000)]), { headerBytes: 1_000_000_000 });
    await Promise.allSettled([vault.restore('tree', { to: out() })]);
    expect(largestRead).toBeLessThan(5_000_000);
  });

  it('about the size of its header opens what is encrypted all the same', async () => {
    const { object } = await vault.archive(join(scratch, 'tree'), { name: 'tree' });
    await changeSidecar(object, { headerBytes: 1 });
    expect(await vault.restore('tree', { to: out() })).toMatchObject({ status: 'complete' });
  });
});

describe('a description that lies about the content', () => {
  it.each(['fileCount', 'directoryCount', 'sourceBytes', 'storedSha256', 'tarSha256', 'tarBytes', 'storedBytes'])(
    '(%s) is found by a check that reads it',
    async (field) => {
      const { object } = await vault.archive(join(scratch, 'tree'), { name: 'tree' });
      await changeSidecar(object, { [field]: field.endsWith('256') ? '0'.repeat(64) : 123_456 });
      const { findings } = await vault.check({ readData: 'all' });
      expect(findings.map(({ kind }) => kind)).toEqual(['archive-damaged']);
    },
  );

  it.each(['storedSha256', 'tarSha256', 'tarBytes'])('(%s) ends a restore with an error', async (field) => {
    const { object } = await vault.archive(join(scratch, 'tree'), { name: 'tree' });
    await changeSidecar(object, { [field]: field.endsWith('256') ? '0'.repeat(64) : 123_456 });
    await expect(vault.restore('tree', { to: out() })).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' });
  });
});

describe('what anybody could have written in the place of an encrypted archive', () => {
  it.each([{}, { encryption: 'age-passphrase' }])('is refused before anything is restored (%o)', async (change) => {
    const { object } = await vault.archive(join(scratch, 'tree'), { name: 'tree' });
    await replace(object, tarOf(['tree/file', 'evil']), change);
    await expect(vault.restore('tree', { to: out() })).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' });
    expect(fs.existsSync(out())).toBe(false);
    const { findings } = await vault.check({ readData: 'all' });
    expect(findings.map(({ kind }) => kind)).toEqual(['archive-damaged']);
  });
});

it('a description that is larger than one can be is left out unread, and found by a check', async () => {
  const { object } = await vault.archive(join(scratch, 'tree'), { name: 'tree' });
  await storage.write(sidecarOf(object), new Uint8Array(20_000_000));
  expect(await Array.fromAsync(vault.list())).toEqual([]);
  const { findings } = await vault.check();
  expect(findings.map(({ kind }) => kind)).toEqual(['archive-damaged']);
  expect(largestRead).toBeLessThan(1_000_000);
});

it('an archive whose marker stayed is checked like any other', async () => {
  const { object } = await vault.archive(join(scratch, 'tree'), { name: 'tree' });
  const marker = {
    version: 1,
    host: 'x',
    pid: 1,
    startedAt: '2020-01-01T00:00:00Z',
    refreshedAt: '2020-01-01T00:00:00Z',
  };
  await storage.write(markerOf(object), utf8(JSON.stringify(marker)));
  const bytes = await storage.read(object);
  bytes[bytes.length - 20] = (bytes.at(-20) ?? 0) ^ 1;
  await storage.write(object, bytes);
  const { findings } = await vault.check({ readData: 'all' });
  expect(findings.map(({ kind }) => kind).sort()).toEqual(['archive-damaged', 'archive-leftover']);
});

it('an archive that is imported is described by nothing that leads out of a target', async () => {
  const file = join(scratch, 'odd.tar');
  fs.writeFileSync(file, tarOf(['../up/file', 'x']));
  const { paths } = await vault.importArchive(file, {});
  expect(paths).toEqual([]);
  expect((await listShelf(storage))[0]).toMatchObject({ hasSidecar: true });
});

it('a file that ends where a tar stream does not is taken in with a warning', async () => {
  const notices: string[] = [];
  const noisy = await quickVault(openMemoryStorage(), 'pw', (notice) => void notices.push(notice.message));
  const file = join(scratch, 'cut.tar');
  fs.writeFileSync(file, tarOf(['tree/one', 'x'], ['tree/two', 'y']).subarray(0, 1024));
  await noisy.importArchive(file, {});
  await noisy.close();
  expect(notices).toEqual([expect.stringContaining('cut.tar')]);
});
