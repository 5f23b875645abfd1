// Values of a whole vault: what spans its parts.
import { execFile } from 'node:child_process';
import { mkdtempDisposable, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Secret } from '../../src/base/secret.ts';
import { startValuesServer } from '../../src/server/values/values-server.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { openS3Storage } from '../../src/storage/drivers/s3/s3-storage.ts';
import { faulty } from '../../src/storage/layers/faulty.ts';
import { StorageLayer } from '../../src/storage/layers/storage-layer.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { initVault, openVault } from '../../src/vault/open-vault.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { peersMissing } from '../support/peers.ts';
import { quickVault } from '../support/quick-vault.ts';
import { startRcloneS3 } from '../support/rclone-s3.ts';

const password = 'of the vault';
const options = { password, cache: false } as const;

/** One that outlives the vault that is opened on it. */
class Kept extends StorageLayer {
  override async [Symbol.asyncDispose](): Promise<void> {}
}

const kept = (): Storage => new Kept(openMemoryStorage());
const newVault = (storage: Storage): Promise<Vault> => quickVault(storage, password);

describe('vault.values', () => {
  it('B52: keeps what was set for the next one who opens the vault, without any catalog', async () => {
    const storage = kept();
    {
      await using vault = await newVault(storage);
      await vault.values.set('mykey', { some: 'data' });
    }
    await using vault = await openVault(storage, options);
    expect(await vault.values.get('mykey')).toEqual({ some: 'data' });
    expect(await vault.values.has('mykey')).toBe(true);
    expect(await vault.values.has('none')).toBe(false);
  });

  it('B53: has the types that schema and default say', async () => {
    await using vault = await newVault(openMemoryStorage());
    await vault.values.set('limits', { jobs: 4 });
    const schema = z.object({ jobs: z.number() });
    const limits: { readonly jobs: number } = await vault.values.getOrThrow('limits', { schema });
    const absent: { readonly jobs: number } | null = await vault.values.get('none', { schema, default: null });
    const parsed: number | undefined = await vault.values.get('limits', {
      schema: (value) => schema.parse(value).jobs,
    });
    expect([limits, absent, parsed]).toEqual([{ jobs: 4 }, null, 4]);
    await expect(vault.values.getOrThrow('limits', { schema: z.string() })).rejects.toMatchObject({
      code: 'VALUE_INVALID',
    });
    await expect(vault.values.getOrThrow('none')).rejects.toMatchObject({ code: 'VALUE_MISSING' });
  });

  it('stops when it is told to', async () => {
    await using vault = await newVault(openMemoryStorage());
    const reason = new Error('enough');
    await expect(vault.values.set('k', 1, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(vault.values.get('k', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('is checked with the vault, and settled by the next write', async () => {
    const storage = kept();
    await using vault = await newVault(storage);
    const { object } = await vault.values.set('damaged', 'value', { compress: false });
    await storage.write(object, Buffer.from('"valuf"'));
    await vault.values.set('k', 1);
    await storage.write('values/k/99990101T000000.000Z.deleted', new Uint8Array([1]));
    const quick = await vault.check();
    expect(quick).toMatchObject({
      isGood: true,
      values: 1,
      findings: [{ kind: 'value-leftover', severity: 'hint' }],
    });
    const full = await vault.check({ readData: 'all' });
    expect(full.isGood).toBe(false);
    expect(full.findings.map(({ kind }) => kind)).toContain('value-damaged');
    await using next = await openVault(storage, options);
    await next.values.set('damaged', 'sound');
    expect((await next.check()).findings).toEqual([]);
  });

  it('B55: is served by whoever opens the same vault, whatever its password is by then', async () => {
    const [storage, otherStorage] = [kept(), kept()];
    await using vault = await newVault(storage);
    await using other = await newVault(otherStorage);
    await vault.values.set('k', { some: 'data' });
    await other.values.set('k', { some: 'data' });
    await vault.changePassword(new Secret('a new one'));
    await using again = await openVault(storage, { ...options, password: 'a new one' });
    await using server = await startValuesServer(again.values, { listen: { kind: 'tcp', host: '127.0.0.1', port: 0 } });
    const good = await fetch(await vault.values.url('k', { expiresIn: 60, base: server.url }));
    expect(await good.json()).toEqual({ some: 'data' });
    const foreign = await fetch(await other.values.url('k', { expiresIn: 60, base: server.url }));
    expect(foreign.status).toBe(403);
  });

  it('of a mirror that missed one is behind in the next run too', async () => {
    const second = faulty(kept());
    const places = [kept(), second];
    {
      await using vault = await initVault(places, options);
      second.inject({
        how: 'fail',
        error: new Error('full'),
        when: ({ kind, name }) => kind === 'write' && name.startsWith('values/'),
      });
      await vault.values.set('k', 1);
      expect(vault.mirror?.report().map(({ state }) => state)).toEqual(['in-step', 'behind']);
    }
    second.heal();
    await using vault = await openVault(places, options);
    await vault.values.set('k', 2);
    expect(vault.mirror?.report().map(({ state }) => state)).toEqual(['in-step', 'behind']);
    expect(await vault.values.get('k')).toBe(2);
  });
});

/** The restored file: its name below the target, and what is in it. */
const restoreInto = async (vault: Vault, reference: string, more = {}): Promise<string> => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'values-'));
  const { destination } = await vault.restore(reference, { to: folder.path, ...more });
  return `${relative(folder.path, destination)}: ${await readFile(destination, 'utf8')}`;
};

describe('a value among the backups', () => {
  it('B56: is listed as it is now, shown, and restored as a file', async () => {
    await using vault = await newVault(openMemoryStorage());
    const older = await vault.values.set('mykey', { some: 'older' });
    const newest = await vault.values.set('mykey', { some: 'data' }, { password: 'x' });
    expect(await Array.fromAsync(vault.list(), ({ form, id, name }) => [form, id, name])).toEqual([
      ['value', newest.id, 'mykey'],
    ]);
    expect(await vault.get('mykey')).toMatchObject({ form: 'value', id: newest.id, encrypted: true });
    const password = new Secret('x');
    expect(await restoreInto(vault, 'mykey', { password })).toBe('mykey.json: {"some":"data"}');
    expect(await restoreInto(vault, older.id)).toBe('mykey.json: {"some":"older"}');
    await expect(restoreInto(vault, 'mykey')).rejects.toMatchObject({ code: 'PASSWORD_MISSING' });
    await expect(restoreInto(vault, 'mykey', { password: new Secret('y') })).rejects.toMatchObject({
      code: 'PASSWORD_WRONG',
    });
  });

  it('is not restored over a file without a word, and not into the vault', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'values-'));
    await using vault = await newVault(openLocalStorage(join(folder.path, 'vault')));
    await vault.values.set('k', 1);
    const to = join(folder.path, 'out');
    expect(await vault.restore('k', { to, dryRun: true })).toMatchObject({ filesRestored: 1 });
    await vault.restore('k', { to, verify: true });
    await vault.values.set('k', 2);
    await expect(vault.restore('k', { to })).rejects.toMatchObject({ code: 'TARGET_EXISTS' });
    expect(await vault.restore('k', { to, overwrite: 'never' })).toMatchObject({ filesSkipped: 1, bytesRestored: 0 });
    expect(await vault.restore('k', { to, overwrite: 'always' })).toMatchObject({ filesRestored: 1, bytesRestored: 1 });
    expect(await readFile(join(to, 'k.json'), 'utf8')).toBe('2');
    await expect(vault.restore('k', { to: join(folder.path, 'vault') })).rejects.toMatchObject({
      code: 'TARGET_INSIDE_VAULT',
    });
    await expect(vault.restore('k', { to, include: ['x'] })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  });

  it('B56: is deleted by its key, or one version by its id', async () => {
    await using vault = await newVault(openMemoryStorage());
    const versions = [];
    for (const value of [1, 2, 3]) versions.push(await vault.values.set('k', value));
    const [oldest, , newest] = versions.map(({ id }) => id);
    expect(await vault.delete(newest ?? '')).toEqual({ removed: [newest], failed: [] });
    expect(await vault.values.get('k')).toBe(2);
    const plan = await vault.planDelete(['k']);
    expect(plan.groups[0]?.forget.map(({ id }) => id).at(-1)).toBe(oldest);
    expect(await vault.forget(plan)).toMatchObject({ removed: { length: 2 }, failed: [] });
    expect(await vault.values.has('k')).toBe(false);
  });

  it('with the name of a backup is an ambiguity, which ids resolve, and never the latest backup', async () => {
    await using vault = await newVault(openMemoryStorage());
    const backup = await vault.backup(Readable.from([Buffer.from('of the file')]), { name: 'data' });
    const { id } = await vault.values.set('data', 'of the value');
    await expect(vault.planDelete(['data'])).rejects.toMatchObject({
      code: 'REF_AMBIGUOUS',
      facts: { candidates: [id, backup.id] },
    });
    await expect(restoreInto(vault, 'data')).rejects.toMatchObject({ code: 'REF_AMBIGUOUS' });
    expect(await restoreInto(vault, id)).toBe('data.json: "of the value"');
    expect(await restoreInto(vault, backup.id)).toBe('data: of the file');
    expect(await restoreInto(vault, 'latest')).toBe('data: of the file');
  });
});

describe.skipIf(peersMissing('rclone'))('vault.values on S3', () => {
  it('B55: makes URLs that the server itself answers', async () => {
    await using server = await startRcloneS3(['bucket']);
    const storage = await openS3Storage(`s3://bucket/vault?endpoint=${server.endpoint}`, {
      environment: server.environment,
    });
    await using vault = await newVault(storage);
    await vault.values.set('app/Settings', { some: 'data' });
    const url = await vault.values.url('app/Settings', { expiresIn: 60 });
    const asked = new URL(url).searchParams;
    expect(asked.get('response-content-type')).toBe('application/json');
    expect(asked.get('response-content-encoding')).toBe('gzip');
    // This server passes over both, so what comes is the object as it is.
    const stored = await (await fetch(url)).bytes();
    expect(gunzipSync(stored).toString()).toBe('{"some":"data"}');
    const missing = await vault.values.url('none', { expiresIn: 60, checkExists: false });
    expect((await fetch(missing)).status).toBe(404);
    await expect(vault.values.url('none', { expiresIn: 60 })).rejects.toMatchObject({ code: 'VALUE_MISSING' });
  });
});

describe('the example of the guide', () => {
  it('B52 to B55: every call of it runs', async () => {
    const example = fileURLToPath(new URL('../../examples/key-value.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [example]);
    expect(stdout.split('\n')).toEqual([
      "restored { some: 'data' }",
      "by its URL { some: 'data' }",
      'decrypted myvalue',
      "not compressed { my: 'data' }",
      'default none yet',
      'typed 36',
      "older { some: 'older data' }",
      'keys my_encrypted_key, my_non_compressed_key, mykey, user',
      'deleted true',
      '',
    ]);
  });
});
