import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { utf8, utf8Lossy } from '../../src/base/bytes.ts';
import { openS3Storage } from '../../src/storage/drivers/s3/s3-storage.ts';
import { retrying } from '../../src/storage/layers/retry.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { initVault, openVault } from '../../src/vault/open-vault.ts';
import { type JumpingClock, jumpingClock } from '../support/jumping-clock.ts';
import { refuse, type S3Double, type SeenRequest, startS3Double } from '../support/s3-double.ts';

// A server that fails in one way after another. The run ends well, or says what it lost.
let double: S3Double;
let clock: JumpingClock;

beforeEach(async () => {
  double = await startS3Double();
  clock = jumpingClock();
});

afterEach(async () => {
  await double[Symbol.asyncDispose]();
});

const url = (): string => `s3://bucket/vault?endpoint=${double.endpoint}`;

const open = async (options: { readonly stallMs?: number; readonly now?: () => Date } = {}): Promise<Storage> => {
  const storage = await openS3Storage(url(), {
    environment: double.environment,
    timeouts: { stallMs: options.stallMs ?? 2000, answerMs: 2000 },
    ...(options.now === undefined ? {} : { now: options.now }),
  });
  return retrying(storage, { clock, random: () => 0.5 });
};

type Answer = (response: ServerResponse, request: SeenRequest) => void;

/** The first `times` requests go wrong. */
function failing(times: number, answer: Answer): void {
  let left = times;
  double.takeover = (request, response) => {
    if (left-- <= 0) return false;
    answer(response, request);
    return true;
  };
}

const failures: Record<string, Answer> = {
  'answers 500': (response) => refuse(response, 500, 'InternalError'),
  'answers 500 without a document': (response) => void response.writeHead(500).end('oops'),
  'answers 503': (response) => refuse(response, 503, 'SlowDown'),
  'resets the connection': (response) => response.socket?.resetAndDestroy(),
  'closes the connection': (response) => response.socket?.end(),
  'sends half of an answer': (response) => {
    response.writeHead(200, { 'content-length': 100 }).write('half of it', () => response.socket?.end());
  },
  'stops in the middle of an answer': (response) => {
    response.writeHead(200, { 'content-length': 100 }).write('half of it');
  },
  'says that it received other bytes': (response) => refuse(response, 400, 'XAmzContentSHA256Mismatch'),
};

describe.each(Object.entries(failures))('a server that %s', (_, answer) => {
  it('delays a write and a read, and nothing more', async () => {
    await using storage = await open({ stallMs: 200 });
    failing(2, answer);
    await storage.write('config', utf8('hello'));
    failing(2, answer);
    expect(utf8Lossy(await storage.read('config'))).toBe('hello');
    expect(clock.sleeps.length).toBeGreaterThanOrEqual(2);
  });

  it('delays a listing, which lacks nothing and has nothing twice', async () => {
    await using storage = await open({ stallMs: 200 });
    for (const name of ['a', 'b', 'c']) await storage.write(name, utf8(name));
    failing(2, answer);
    expect(await Array.fromAsync(storage.list(''), ({ name }) => name)).toEqual(['a', 'b', 'c']);
  });
});

describe('a server that loses its answer after a write', () => {
  it('does not make a second writer of the first', async () => {
    await using storage = await open();
    failing(0, () => {});
    double.takeover = (request, response) => {
      if (request.method !== 'PUT') return false;
      double.takeover = () => false;
      double.objects.set(request.key, { bytes: request.body, storageClass: 'STANDARD' });
      response.socket?.resetAndDestroy();
      return true;
    };
    await storage.write('config', utf8('mine'), { ifAbsent: true });
    expect(utf8Lossy(await storage.read('config'))).toBe('mine');
  });
});

describe('a server that asks for a pause', () => {
  it('gets it', async () => {
    await using storage = await open();
    failing(1, (response) => {
      response.setHeader('retry-after', '30');
      refuse(response, 503, 'SlowDown');
    });
    await storage.write('config', utf8('x'));
    expect(clock.sleeps).toEqual([30_000]);
  });
});

describe('a server that gives a listing which is none', () => {
  it.each([
    ['half a document', '<?xml version="1.0"?><ListBucketResult><Contents><Key>vault/a</Key>'],
    ['a part without a way to the next', '<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>'],
  ])('is not believed: %s', async (_, body) => {
    await using storage = await open();
    double.takeover = (_request, response) => {
      response.end(body);
      return true;
    };
    await expect(Array.fromAsync(storage.list(''))).rejects.toMatchObject({ code: 'STORAGE_IO' });
  });

  it.each(['<html><body>Log in</body></html>', '<html><p>Log in</html>', ''])(
    'is not asked again where it is no S3 server at all: %j',
    async (body) => {
      await using storage = await open();
      double.takeover = (_request, response) => {
        response.end(body);
        return true;
      };
      await expect(Array.fromAsync(storage.list(''))).rejects.toMatchObject({ code: 'STORAGE_IO', retry: 'never' });
      expect(clock.sleeps).toEqual([]);
    },
  );

  it('is not followed in circles', async () => {
    await using storage = await open();
    double.takeover = (_request, response) => {
      response.end(
        '<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>',
      );
      return true;
    };
    await expect(Array.fromAsync(storage.list(''))).rejects.toMatchObject({ code: 'STORAGE_IO' });
  });
});

describe('a server that sends another range than was asked for', () => {
  it('is not believed', async () => {
    await using storage = await open();
    double.takeover = (_request, response) => {
      response.writeHead(206, { 'content-range': 'bytes 0-3/10' }).end('0123');
      return true;
    };
    await expect(storage.read('config', { offset: 4, length: 4 })).rejects.toMatchObject({ code: 'STORAGE_IO' });
  });
});

describe('a refusal that waiting does not help', () => {
  const cases: readonly (readonly [string, number, string, object])[] = [
    ['access denied', 403, 'AccessDenied', { code: 'STORAGE_DENIED' }],
    ['unknown keys', 403, 'InvalidAccessKeyId', { code: 'STORAGE_DENIED' }],
    ['a signature', 403, 'SignatureDoesNotMatch', { code: 'STORAGE_DENIED' }],
    ['an expired session', 400, 'ExpiredToken', { code: 'CREDENTIALS_EXPIRED' }],
    ['a missing bucket', 404, 'NoSuchBucket', { code: 'BUCKET_MISSING' }],
    ['a full bucket', 507, 'InsufficientStorage', { code: 'STORAGE_FULL' }],
    ['a quota', 403, 'QuotaExceeded', { code: 'STORAGE_FULL' }],
    ['a cold object', 403, 'InvalidObjectState', { code: 'OBJECT_COLD' }],
  ];

  it.each(cases)('is told at once, each in its own words: %s', async (_, status, code, expected) => {
    await using storage = await open();
    double.takeover = (_request, response) => {
      refuse(response, status, code);
      return true;
    };
    await expect(storage.write('config', utf8('x'))).rejects.toMatchObject({ ...expected, retry: 'never' });
    expect(clock.sleeps).toEqual([]);
  });

  it('has a text of its own for each', async () => {
    const texts = new Set<string>();
    await using storage = await open();
    for (const [, status, code] of cases) {
      double.takeover = (_request, response) => {
        refuse(response, status, code);
        return true;
      };
      const error = await storage.read('config').catch((thrown: unknown) => thrown);
      texts.add((error as Error).message.replaceAll(code, ''));
    }
    expect(texts.size).toBe(cases.length);
  });

  it('says by how much the clock is wrong', async () => {
    await using storage = await open({ now: () => new Date('2026-01-01T12:20:00Z') });
    double.takeover = (_request, response) => {
      refuse(response, 403, 'RequestTimeTooSkewed', '<ServerTime>2026-01-01T12:00:00Z</ServerTime>');
      return true;
    };
    await expect(storage.read('config')).rejects.toMatchObject({
      code: 'CLOCK_SKEWED',
      message: expect.stringContaining('20 minutes ahead'),
    });
  });

  it('of a look at an object is explained, although HEAD has no words', async () => {
    await using storage = await open();
    double.takeover = (_request, response) => {
      refuse(response, 400, 'ExpiredToken');
      return true;
    };
    await expect(storage.stat('config')).rejects.toMatchObject({ code: 'CREDENTIALS_EXPIRED' });
  });
});

describe('a whole vault on a server that', () => {
  let scratch: string;
  const options = { password: 'p', cache: false, jobs: 1 } as const;
  beforeEach(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'cairn-bad-s3-'));
    await writeFile(join(scratch, 'document'), Buffer.alloc(300_000, 'words of a document '));
    for (const [name, value] of Object.entries(double.environment)) vi.stubEnv(name, value);
    await using _vault = await initVault(url(), { ...options, generatedKey: true });
  });

  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(scratch, { recursive: true });
  });

  it('gives wrong bytes names the file that is damaged', async () => {
    await using vault = await openVault(url(), options);
    await vault.backup(join(scratch, 'document'));
    for (const [key, { bytes, storageClass }] of double.objects) {
      if (!key.includes('/data/')) continue;
      const wrong = Buffer.from(bytes);
      wrong[10] = (wrong[10] ?? 0) ^ 1;
      double.objects.set(key, { bytes: wrong, storageClass });
    }
    const result = await vault.check({ readData: 'all' });
    expect(result.isGood).toBe(false);
  });

  it('is full ends the backup with STORAGE_FULL and leaves no snapshot', async () => {
    await using vault = await openVault(url(), options);
    double.takeover = ({ method, key }, response) => {
      if (method !== 'PUT' || !key.includes('/data/')) return false;
      refuse(response, 507, 'InsufficientStorage');
      return true;
    };
    await expect(vault.backup(join(scratch, 'document'))).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    double.takeover = () => false;
    expect(await Array.fromAsync(vault.list())).toEqual([]);
  });

  it('lists without what was just written still gives a whole backup', async () => {
    // A listing that lags behind, as of servers that are consistent only in the end.
    const stale = new Set(double.objects.keys());
    await using vault = await openVault(url(), options);
    double.takeover = ({ query }, response) => {
      if (!query.has('list-type')) return false;
      const prefix = query.get('prefix') ?? '';
      const keys = Array.from(stale).filter((key) => key.startsWith(prefix));
      const entries = keys.map(
        (key) => `<Contents><Key>${key}</Key><Size>${double.objects.get(key)?.bytes.length ?? 0}</Size></Contents>`,
      );
      response.end(`<ListBucketResult>${entries.join('')}</ListBucketResult>`);
      return true;
    };
    await vault.backup(join(scratch, 'document'));
    double.takeover = () => false;
    expect(await vault.check({ readData: 'all' })).toMatchObject({ isGood: true });
  });
});
