// What a removal says of objects that are locked, against answers as Amazon documents them.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openS3Storage, type S3Storage } from '../../src/storage/drivers/s3/s3-storage.ts';
import { refuse, type S3Double, startS3Double } from '../support/s3-double.ts';

let double: S3Double;

beforeEach(async () => {
  double = await startS3Double();
});

afterEach(async () => {
  await double[Symbol.asyncDispose]();
});

/** Answers as for objects that nobody may remove, and shows these headers of them. */
const hold = (shown: Readonly<Record<string, string>>): void => {
  double.takeover = ({ method, query, body }, response) => {
    if (method === 'HEAD') response.writeHead(200, { 'content-length': 1, ...shown }).end();
    else if (method === 'DELETE') refuse(response, 403, 'AccessDenied');
    else if (query.has('delete')) {
      const keys = Array.from(body.toString().matchAll(/<Key>(.*?)<\/Key>/gu), ([, key = '']) => key);
      const errors = keys.map((key) => `<Error><Key>${key}</Key><Code>AccessDenied</Code></Error>`).join('');
      response.end(`<?xml version="1.0"?>\n<DeleteResult>${errors}</DeleteResult>`);
    } else return false;
    return true;
  };
};
const openBefore = (): Promise<S3Storage> =>
  openS3Storage(`s3://bucket/vault?endpoint=${double.endpoint}`, {
    environment: double.environment,
    now: () => new Date('2026-01-01T00:00:00Z'),
  });

describe('a removal of what is locked', () => {
  const LOCKED = {
    'x-amz-object-lock-mode': 'COMPLIANCE',
    'x-amz-object-lock-retain-until-date': '2026-01-31T00:00:00Z',
  };

  it.each([
    ['until when', LOCKED, 'it is locked until 2026-01-31T00:00:00.000Z (compliance)'],
    ['of a legal hold', { 'x-amz-object-lock-legal-hold': 'ON' }, 'it is under a legal hold'],
    [
      'both',
      { ...LOCKED, 'x-amz-object-lock-legal-hold': 'ON' },
      'it is locked until 2026-01-31T00:00:00.000Z (compliance), and it is under a legal hold',
    ],
  ])('tells %s', async (_, shown, text) => {
    await using storage = await openBefore();
    hold(shown);
    await expect(storage.remove('data/a')).rejects.toMatchObject({
      code: 'STORAGE_DENIED',
      message: `cannot remove data/a: ${text}`,
    });
  });

  it('tells it of one of many', async () => {
    await using storage = await openBefore();
    hold(LOCKED);
    await expect(storage.removeMany(['data/a', 'data/b'])).rejects.toMatchObject({
      code: 'STORAGE_DENIED',
      message: 'cannot remove data/a: it is locked until 2026-01-31T00:00:00.000Z (compliance)',
    });
  });

  it.each([
    ['a lock that has ended', { ...LOCKED, 'x-amz-object-lock-retain-until-date': '2025-12-31T00:00:00Z' }],
    ['nothing', {}],
  ])('says what the server says where it shows %s', async (_, shown) => {
    await using storage = await openBefore();
    hold(shown);
    await expect(storage.remove('data/a')).rejects.toMatchObject({
      code: 'STORAGE_DENIED',
      message: expect.stringContaining('refuses access'),
    });
  });
});
