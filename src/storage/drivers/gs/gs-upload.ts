import { createHash, randomBytes } from 'node:crypto';
import { utf8 } from '../../../base/bytes.ts';
import type { ObjectName, WriteOptions } from '../../storage.ts';
import type { GsClient } from './gs-client.ts';
import type { GsLocation } from './gs-location.ts';

// Objects of these classes can be read at once, but cost for months and for each read: only for what rests.
const RESTING = new Set(['NEARLINE', 'COLDLINE', 'ARCHIVE']);

/** What a new object is to be like, in the query of its upload. */
export function uploadQuery(
  client: GsClient,
  name: ObjectName,
  { ifAbsent }: Pick<WriteOptions, 'ifAbsent'>,
): Readonly<Record<string, string>> {
  const { kmsKey } = client.location;
  return {
    name: client.keyOf(name),
    fields: 'size,md5Hash,generation',
    ...(kmsKey === undefined ? {} : { kmsKeyName: kmsKey }),
    // Generation 0 is that of an object that is not there.
    ...(ifAbsent === true ? { ifGenerationMatch: '0' } : {}),
  };
}

/** The same, in its description. */
export function uploadMetadata(
  location: GsLocation,
  { cold = false, coldClass }: Pick<WriteOptions, 'cold' | 'coldClass'>,
): Readonly<Record<string, string>> {
  const { storageClass } = location;
  const wanted = cold ? (coldClass ?? storageClass) : storageClass;
  const applies = wanted !== undefined && (cold || !RESTING.has(wanted));
  return { contentType: 'application/octet-stream', ...(applies ? { storageClass: wanted } : {}) };
}

/** Stores an object by one request. Google hashes what arrives and refuses other bytes than these. */
export async function uploadWhole(
  client: GsClient,
  name: ObjectName,
  parts: readonly Uint8Array[],
  options: WriteOptions,
): Promise<void> {
  const boundary = `cairn-${randomBytes(12).toString('hex')}`;
  const metadata = { ...uploadMetadata(client.location, options), md5Hash: md5Of(parts) };
  const head =
    `--${boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n${JSON.stringify(metadata)}\r\n` +
    `--${boundary}\r\ncontent-type: application/octet-stream\r\n\r\n`;
  await client.send({
    method: 'POST',
    path: client.uploadPath,
    query: { uploadType: 'multipart', ...uploadQuery(client, name, options) },
    headers: { 'content-type': `multipart/related; boundary=${boundary}` },
    body: [utf8(head), ...parts, utf8(`\r\n--${boundary}--\r\n`)],
    repeatable: options.ifAbsent !== true,
    name,
    creates: true,
    pace: options.pace,
    operation: 'InsertObject',
    action: `write ${name}`,
    signal: options.signal,
  });
}

/** MD5 of a body in parts, as Google has it. */
export function md5Of(parts: readonly Uint8Array[]): string {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest('base64');
}
