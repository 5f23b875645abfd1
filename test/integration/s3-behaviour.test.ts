import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { utf8, utf8Lossy } from '../../src/base/bytes.ts';
import { openS3Storage, type S3Storage, type S3StorageOptions } from '../../src/storage/drivers/s3/s3-storage.ts';
import { initVault, openVault } from '../../src/vault/open-vault.ts';
import { refuse, type S3Double, type SeenRequest, startS3Double } from '../support/s3-double.ts';

let double: S3Double;

beforeEach(async () => {
  double = await startS3Double();
});

afterEach(async () => {
  await double[Symbol.asyncDispose]();
});

const open = (query = '', options: S3StorageOptions = {}): Promise<S3Storage> =>
  openS3Storage(`s3://bucket/vault?endpoint=${double.endpoint}${query}`, {
    environment: double.environment,
    ...options,
  });

const last = (): SeenRequest => double.seen.at(-1) ?? expect.fail('no request');

describe('a write', () => {
  it('carries the hash of its bytes, by which the server refuses others', async () => {
    await using storage = await open();
    await storage.write('config', utf8('hello'));
    expect(last().headers['x-amz-content-sha256']).toBe(createHash('sha256').update('hello').digest('hex'));
  });

  it('with a hash that the caller knows sends that one, and the server refuses other bytes', async () => {
    await using storage = await open();
    const sha256 = createHash('sha256').update('hello').digest('hex');
    await storage.write('config', utf8('hello'), { sha256 });
    await expect(storage.write('config', utf8('hellO'), { sha256 })).rejects.toMatchObject({
      code: 'STORAGE_UNREACHABLE',
    });
    expect(utf8Lossy(await storage.read('config'))).toBe('hello');
  });

  it('only where nothing is leaves the decision to the server', async () => {
    await using storage = await open();
    await storage.write('config', utf8('first'), { ifAbsent: true });
    expect(last().headers['if-none-match']).toBe('*');
  });

  it.each([
    ['at once', {}],
    ['in parts', { multipartBytes: 1 }],
  ])('only where nothing is gives way to who came first, %s', async (_, options) => {
    await using storage = await open('', options);
    // Between the look and the write somebody else writes.
    double.takeover = ({ method, key }) => {
      if (method === 'HEAD')
        setImmediate(() => double.objects.set(key, { bytes: Buffer.from('theirs'), storageClass: '' }));
      return false;
    };
    await expect(storage.write('config', utf8('ours'), { ifAbsent: true })).rejects.toMatchObject({
      code: 'OBJECT_EXISTS',
    });
    expect(utf8Lossy(await storage.read('config'))).toBe('theirs');
    expect(double.uploads.size).toBe(0);
  });

  it('only where nothing is works where the server knows no conditions', async () => {
    await using storage = await open();
    double.takeover = ({ headers }, response) => {
      if (headers['if-none-match'] === undefined) return false;
      refuse(response, 501, 'NotImplemented');
      return true;
    };
    await storage.write('config', utf8('first'), { ifAbsent: true });
    await expect(storage.write('config', utf8('second'), { ifAbsent: true })).rejects.toMatchObject({
      code: 'OBJECT_EXISTS',
    });
    expect(utf8Lossy(await storage.read('config'))).toBe('first');
  });

  it('B43: stores with the class, encryption and lock that the address asks for', async () => {
    const query =
      '&storage-class=STANDARD_IA&sse=aws:kms&sse-kms-key-id=k1&lock-mode=COMPLIANCE&lock-days=30&legal-hold=yes';
    await using storage = await open(query, { now: () => new Date('2026-01-01T00:00:00Z') });
    await storage.write('data/ab/x', utf8('x'));
    expect(last().headers).toMatchObject({
      'x-amz-storage-class': 'STANDARD_IA',
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': 'k1',
      'x-amz-object-lock-mode': 'COMPLIANCE',
      'x-amz-object-lock-retain-until-date': '2026-01-31T00:00:00.000Z',
      'x-amz-object-lock-legal-hold': 'ON',
      'content-md5': createHash('md5').update('x').digest('base64'),
    });
  });

  it.each([
    ['a lock of the repository', 'locks/l'],
    ['the mark of an archive that is being written', 'archives/a/a.20261125T233005Z.tar.zst.writing.json'],
    ['the mark of an archive that is being deleted', 'archives/a/a.20261125T233005Z.tar.zst.deleted.json'],
    ['the mark of a value that is being deleted', 'values/a/20251125T233000.124Z.deleted'],
  ])('leaves %s free, which comes and goes', async (_, name) => {
    await using storage = await open('&lock-mode=GOVERNANCE&lock-days=30&legal-hold=yes');
    await storage.write(name, utf8('x'));
    expect(Object.keys(last().headers).filter((header) => header.includes('object-lock'))).toEqual([]);
  });

  it('that fails in the middle of its parts leaves no upload behind', async () => {
    await using storage = await open('', { multipartBytes: 1, partBytes: 1000 });
    double.takeover = ({ query }, response) => {
      if (query.get('partNumber') !== '3') return false;
      refuse(response, 403, 'AccessDenied');
      return true;
    };
    await expect(storage.write('archives/x', new Uint8Array(5000))).rejects.toMatchObject({ code: 'STORAGE_DENIED' });
    expect([double.uploads.size, double.objects.size]).toEqual([0, 0]);
  });

  it('in parts fails where the server answers 200 and says in the document that it failed', async () => {
    await using storage = await open('', { multipartBytes: 1 });
    double.takeover = ({ method, query }, response) => {
      if (method !== 'POST' || !query.has('uploadId')) return false;
      response.end('<Error><Code>InternalError</Code></Error>');
      return true;
    };
    await expect(storage.write('archives/x', utf8('two'))).rejects.toMatchObject({
      code: 'STORAGE_IO',
      retry: 'later',
    });
  });
});

describe('uploads that were never completed', () => {
  it('are cleared away once they are old enough', async () => {
    await using storage = await open();
    double.uploads.set('old', { key: 'vault/data/ab/x', parts: new Map() });
    double.uploads.set('other', { key: 'another/place', parts: new Map() });
    const began = Date.parse('2020-01-01T00:00:00Z');
    expect(await storage.abortStaleUploads(Date.now() - began + 60_000)).toBe(0);
    expect(await storage.abortStaleUploads(86_400_000, { dryRun: true })).toBe(1);
    expect(await storage.abortStaleUploads(86_400_000)).toBe(1);
    expect(Array.from(double.uploads.keys())).toEqual(['other']);
  });

  it('stay while parts of them come, and where nobody asked for their folder', async () => {
    await using storage = await open();
    double.uploads.set('living', { key: 'vault/archives/x', parts: new Map([[1, Buffer.from('part')]]) });
    double.uploads.set('foreign', { key: 'vault/videos/x', parts: new Map() });
    double.partsCameAt = new Date().toISOString();
    expect(await storage.abortStaleUploads(86_400_000, { folders: ['archives/'] })).toBe(0);
    double.partsCameAt = '2020-01-02T00:00:00Z';
    expect(await storage.abortStaleUploads(86_400_000, { folders: ['archives/'] })).toBe(1);
    expect(Array.from(double.uploads.keys())).toEqual(['foreign']);
  });

  it('are cleared away by a prune, also by one that has nothing else to do, which says so', async () => {
    vi.stubEnv('XDG_CACHE_HOME', await mkdtemp(join(tmpdir(), 'cairn-cache-')));
    for (const [name, value] of Object.entries(double.environment)) vi.stubEnv(name, value);
    await using _restored = { [Symbol.asyncDispose]: async () => void vi.unstubAllEnvs() };
    const url = `s3://bucket/vault?endpoint=${double.endpoint}`;
    const notices: string[] = [];
    const options = { password: 'p', onNotice: ({ message }: { readonly message: string }) => notices.push(message) };
    await using vault = await initVault(url, options);
    double.uploads.set('old', { key: 'vault/data/ab/x', parts: new Map() });
    expect((await vault.prune({ dryRun: true })).status).toBe('planned');
    expect(double.uploads.size).toBe(1);
    expect((await vault.prune({})).status).toBe('nothing');
    expect(double.uploads.size).toBe(0);
    expect(notices).toContain('removed 1 file that interrupted writes left');
  });
});

describe('with a key of the customer', () => {
  it('every request that touches content has it, and nothing shows it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cairn-sse-c-'));
    const keyFile = join(folder, 'key');
    await writeFile(keyFile, Buffer.alloc(32, 7));
    await using storage = await open(`&sse-c-key-file=${keyFile}`, { multipartBytes: 10 });
    await storage.write('config', utf8('x'));
    await storage.write('archives/x', utf8('longer than ten'));
    await storage.read('config');
    await storage.stat('config');
    const name = 'x-amz-server-side-encryption-customer-key';
    const touching = double.seen.filter(({ method, query }) => method !== 'DELETE' && !query.has('list-type'));
    expect(touching.every(({ headers }) => headers[name] === Buffer.alloc(32, 7).toString('base64'))).toBe(true);
    expect(storage.url).not.toContain(Buffer.alloc(32, 7).toString('base64'));
    await rm(folder, { recursive: true });
  });
});

describe('removing many', () => {
  it('takes one request for a thousand objects', async () => {
    await using storage = await open();
    await storage.removeMany(Array.from({ length: 2500 }, (_, index) => `data/ab/${index}`));
    expect(double.seen.map(({ method, query }) => `${method} ${query.has('delete')}`)).toEqual(
      Array(3).fill('POST true'),
    );
  });

  it('names the object that the server would not remove', async () => {
    await using storage = await open();
    double.takeover = (_, response) => {
      response.end(
        '<DeleteResult><Deleted><Key>vault/a</Key></Deleted><Error><Key>vault/b</Key><Code>AccessDenied</Code></Error></DeleteResult>',
      );
      return true;
    };
    await expect(storage.removeMany(['a', 'b'])).rejects.toMatchObject({
      code: 'STORAGE_DENIED',
      facts: { name: 'b' },
    });
  });

  it('does not believe a server that says nothing about an object', async () => {
    await using storage = await open();
    double.takeover = (_, response) => {
      response.end('<DeleteResult><Deleted><Key>vault/a</Key></Deleted></DeleteResult>');
      return true;
    };
    await expect(storage.removeMany(['a', 'b'])).rejects.toMatchObject({ code: 'STORAGE_IO' });
  });

  it('removes one by one where the server knows no batches', async () => {
    await using storage = await open();
    for (const name of ['a', 'b', 'c']) await storage.write(name, utf8(name));
    double.takeover = ({ query }, response) => {
      if (!query.has('delete')) return false;
      refuse(response, 501, 'NotImplemented');
      return true;
    };
    await storage.removeMany(['a', 'c']);
    expect(Array.from(double.objects.keys())).toEqual(['vault/b']);
  });
});

describe('making the place', () => {
  it('makes the bucket, for objects that can be locked where the address asks for locks', async () => {
    await using other = await startS3Double({ bucketExists: false });
    await using storage = await openS3Storage(`s3:${other.endpoint}/bucket/vault?lock-mode=GOVERNANCE&lock-days=1`, {
      environment: other.environment,
    });
    await expect(storage.read('config')).rejects.toMatchObject({ code: 'BUCKET_MISSING' });
    await storage.create();
    const made = other.seen.find(({ method }) => method === 'PUT');
    expect(made?.headers['x-amz-bucket-object-lock-enabled']).toBe('true');
    await expect(storage.read('config')).rejects.toMatchObject({ code: 'OBJECT_MISSING' });
  });

  it('is no error for keys that may not look at the bucket', async () => {
    await using storage = await open();
    double.takeover = (_, response) => {
      refuse(response, 403, 'AccessDenied');
      return true;
    };
    await storage.create();
  });
});

describe('requests', () => {
  it('follow the bucket to its region, once for all', async () => {
    await using far = await startS3Double({ region: 'eu-north-1' });
    await using storage = await openS3Storage(`s3:${far.endpoint}/bucket/vault`, { environment: far.environment });
    await storage.write('config', utf8('x'));
    await storage.read('config');
    expect(far.seen.map(({ method }) => method)).toEqual(['PUT', 'PUT', 'GET']);
  });

  it('are not signed where the address says so, and say who pays', async () => {
    await using storage = await open('&anonymous=yes&requester-pays=yes', { environment: {} });
    await storage.write('config', utf8('x'));
    expect(last().headers.authorization).toBeUndefined();
    expect(last().headers['x-amz-request-payer']).toBe('requester');
  });
});

describe('looking for what is cold', () => {
  const names = Array.from({ length: 5 }, (_, n) => `data/0${n}/pack${n}`);

  async function openFilled(pageSize?: number): Promise<S3Storage> {
    if (pageSize !== undefined) {
      await double[Symbol.asyncDispose]();
      double = await startS3Double({ pageSize });
    }
    const storage = await open();
    for (const name of names) await storage.write(name, utf8('pack'), { cold: true, coldClass: 'STANDARD_IA' });
    await storage.write('data/09/cold', utf8('pack'), { cold: true, coldClass: 'GLACIER' });
    return storage;
  }

  it('proves in one request that objects can be read, and nothing of those that may be cold', async () => {
    await using storage = await openFilled();
    const before = double.seen.length;
    const readable = await storage.cold?.readable?.(new Set([...names, 'data/09/cold', 'data/0f/none']));
    expect([...(readable?.values() ?? [])]).toEqual(names.map((name) => ({ name, sizeBytes: 4 })));
    expect(double.seen.length - before).toBe(1);
  });

  it('breaks off a listing that takes more requests than there are objects', async () => {
    await using storage = await openFilled(1);
    const before = double.seen.length;
    const readable = await storage.cold?.readable?.(new Set(['data/03/pack3', 'data/04/pack4']));
    expect(readable?.size).toBe(0);
    expect(double.seen.length - before).toBe(2);
  });
});

describe('a vault in a cold class', () => {
  it('keeps everything but contents of files where it can be read, and says what a restore lacks', async () => {
    const scratch = await mkdtemp(join(tmpdir(), 'cairn-cold-'));
    await writeFile(join(scratch, 'document'), 'a'.repeat(10_000));
    for (const [name, value] of Object.entries(double.environment)) vi.stubEnv(name, value);
    try {
      const url = `s3://bucket/vault?endpoint=${double.endpoint}&storage-class=DEEP_ARCHIVE`;
      const options = { password: 'p', cache: false, jobs: 1 } as const;
      {
        await using vault = await initVault(url, { ...options, generatedKey: true });
        await vault.backup(join(scratch, 'document'));
      }
      const cold = Array.from(double.objects).filter(([, { storageClass }]) => storageClass === 'DEEP_ARCHIVE');
      expect(cold.map(([key]) => key.split('/')[1])).toEqual(['data']);
      await using vault = await openVault(url, options);
      expect(await Array.fromAsync(vault.list())).toHaveLength(1);
      await expect(vault.cat('latest', join(scratch, 'document'))[Symbol.asyncIterator]().next()).rejects.toMatchObject(
        {
          code: 'OBJECT_COLD',
          retry: 'never',
        },
      );
    } finally {
      vi.unstubAllEnvs();
      await rm(scratch, { recursive: true });
    }
  });
});

describe('a profile that names a server', () => {
  let folder: string;
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'cairn-s3-'))));
  afterEach(() => rm(folder, { recursive: true }));

  it.each([
    ['itself', (server: string) => `[default]\nendpoint_url = ${server}\n`],
    [
      'for S3 alone',
      (server: string) => `[default]\nservices = mine\n[services mine]\ns3 =\n  endpoint_url = ${server}\n`,
    ],
  ])('%s has the vault there, and not at Amazon', async (_, config) => {
    await writeFile(join(folder, 'config'), config(double.endpoint));
    const environment = { ...double.environment, AWS_CONFIG_FILE: join(folder, 'config') };
    await using storage = await openS3Storage('s3://bucket/vault', { environment });
    await storage.write('config', utf8('hello'));
    expect(last().key).toBe('vault/config');
  });
});
