import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { CairnError, messageOf } from '../../../base/errors.ts';
import type { ObjectName, WriteOptions } from '../../storage.ts';
import type { S3Encryption, S3Location } from './s3-location.ts';

export type Headers = Readonly<Record<string, string>>;

// Objects of these classes cannot be read without being retrieved first, which takes minutes to hours.
const COLD_CLASSES = new Set(['GLACIER', 'DEEP_ARCHIVE']);
const DAY_MS = 86_400_000;
// What comes and goes: locks of a repository, the mark of an archive that is being written, and what says of an archive or
// a value that it is deleted. Held, each would stay for the whole time: locks are refreshed all day.
const PASSING = /^locks\/|^archives\/.*\.(?:writing|deleted)\.json$|^values\/.*\.deleted$/u;

/** Headers of requests that touch the content of an object: the key of the customer, where there is one. */
export async function loadKeyHeaders(encryption: S3Encryption, signal: AbortSignal | undefined): Promise<Headers> {
  if (encryption.kind !== 'customer') return {};
  const key = await readKey(encryption.keyFile, signal);
  return {
    'x-amz-server-side-encryption-customer-algorithm': 'AES256',
    'x-amz-server-side-encryption-customer-key': key.toString('base64'),
    'x-amz-server-side-encryption-customer-key-md5': createHash('md5').update(key).digest('base64'),
  };
}

async function readKey(path: string, signal: AbortSignal | undefined): Promise<Buffer> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw new CairnError('CONFIG_INVALID', `cannot read the key file ${path}: ${messageOf(error)}`, { cause: error });
  }
  const decoded = bytes.length === 32 ? bytes : Buffer.from(bytes.toString('latin1').trim(), 'base64');
  if (decoded.length === 32) return decoded;
  throw new CairnError('CONFIG_INVALID', `the key file ${path} holds no key of 32 bytes`, {
    hint: 'Make one with `openssl rand 32 > FILE`; the key may also be written in base64.',
  });
}

/** Headers that say how a new object is to be stored. `cold`: its reader can wait for hours. */
export function storeHeaders(
  location: S3Location,
  name: ObjectName,
  { cold = false, coldClass }: WriteOptions,
  now: Date,
): Headers {
  return {
    'content-type': 'application/octet-stream',
    ...classHeaders(cold ? (coldClass ?? location.storageClass) : location.storageClass, cold),
    ...encryptionHeaders(location.encryption),
    ...lockHeaders(location, name, now),
  };
}

function classHeaders(storageClass: string | undefined, cold: boolean): Headers {
  if (storageClass === undefined || (COLD_CLASSES.has(storageClass) && !cold)) return {};
  return { 'x-amz-storage-class': storageClass };
}

function encryptionHeaders(encryption: S3Encryption): Headers {
  switch (encryption.kind) {
    case 'bucket-default':
    case 'customer':
      return {};
    case 's3':
      return { 'x-amz-server-side-encryption': 'AES256' };
    case 'kms':
      return {
        'x-amz-server-side-encryption': 'aws:kms',
        ...(encryption.keyId === undefined ? {} : { 'x-amz-server-side-encryption-aws-kms-key-id': encryption.keyId }),
      };
    default:
      return encryption satisfies never;
  }
}

function lockHeaders({ lock, legalHold }: S3Location, name: ObjectName, now: Date): Headers {
  if (PASSING.test(name)) return {};
  return {
    ...(lock === undefined
      ? {}
      : {
          'x-amz-object-lock-mode': lock.mode,
          'x-amz-object-lock-retain-until-date': new Date(now.getTime() + lock.days * DAY_MS).toISOString(),
        }),
    ...(legalHold ? { 'x-amz-object-lock-legal-hold': 'ON' } : {}),
  };
}

/** Whether S3 wants a `content-md5` with these headers: for everything that is locked. */
export function needsMd5(headers: Headers): boolean {
  return Object.keys(headers).some((name) => name.startsWith('x-amz-object-lock-'));
}

/** MD5 of a body in parts, as `content-md5` has it. */
export function contentMd5(parts: readonly Uint8Array[]): string {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest('base64');
}
