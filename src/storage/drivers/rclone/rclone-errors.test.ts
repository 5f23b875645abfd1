import { expect, it } from 'vitest';
import { rcloneFailure } from './rclone-errors.ts';

// As rclone 1.60 and 1.71 print them.
it.each([
  ['ERROR : config: Post request rcat error: AccessDenied: what it says', 'STORAGE_DENIED'],
  [
    'https response error StatusCode: 403, RequestID: x, HostID: , api error AccessDenied: what it says',
    'STORAGE_DENIED',
  ],
  ['ERROR : data/ab: Post request rcat error: write /mnt/x: no space left on device', 'STORAGE_FULL'],
  ["googleapi: Error 403: The user's Drive storage quota has been exceeded., storageQuotaExceeded", 'STORAGE_FULL'],
  ['api error QuotaExceeded: x', 'STORAGE_FULL'],
  ["couldn't fetch token: invalid_grant: maybe token expired?", 'CREDENTIALS_EXPIRED'],
  ['api error ExpiredToken: The provided token has expired.', 'CREDENTIALS_EXPIRED'],
  ['api error RequestTimeTooSkewed: The difference is too large', 'CLOCK_SKEWED'],
  ['list failed: NoSuchBucket: x', 'BUCKET_MISSING'],
])('%j is an answer that stays', (line, code) => {
  expect(rcloneFailure('write x', line)).toMatchObject({ code, retry: 'never' });
});

it.each(['', 'ERROR : i/o timeout', 'api error InternalError: what it says', 'api error SlowDown: x'])(
  '%j may pass',
  (line) => {
    expect(rcloneFailure('write x', line)).toBeUndefined();
  },
);
