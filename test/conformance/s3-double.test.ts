import { afterAll, beforeAll, describe, it } from 'vitest';
import { storageConformance } from '../../src/storage/conformance.ts';
import { openS3Storage } from '../../src/storage/drivers/s3/s3-storage.ts';
import { type S3Double, startS3Double } from '../support/s3-double.ts';

// Every case, also those that rclone's server cannot do; whole, and with everything in parts and pieces.
describe.each([
  ['in one piece', {}],
  ['in parts and pieces', { multipartBytes: 1000, partBytes: 100_000, pieceBytes: 1000 }],
])('S3 as documented, objects %s', (_, options) => {
  let double: S3Double;
  let count = 0;

  beforeAll(async () => {
    double = await startS3Double({ pageSize: 7 });
  });

  afterAll(async () => {
    await double[Symbol.asyncDispose]();
  });

  for (const c of storageConformance) {
    it(c.name, { timeout: 30_000 }, ({ signal }) =>
      c.run(
        () =>
          openS3Storage(`s3:${double.endpoint}/bucket/place${++count}`, {
            environment: double.environment,
            ...options,
          }),
        signal,
      ),
    );
  }
});
