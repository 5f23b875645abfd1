import type { ObjectName, ReadOptions } from '../../storage.ts';
import type { HttpResponse } from '../http/http-exchange.ts';
import {
  announcedSize,
  type PieceSettings,
  type RangedSource,
  readRanged,
  type RequestOptions,
} from '../http/ranged-read.ts';
import type { S3Client } from './s3-client.ts';
import type { Headers } from './write-headers.ts';

export interface ReadSettings extends PieceSettings {
  readonly keyHeaders: Headers;
}

/** All of an object, or a range of it. */
export function readS3(
  client: S3Client,
  name: ObjectName,
  options: ReadOptions,
  settings: ReadSettings,
): Promise<Uint8Array<ArrayBuffer>> {
  const source: RangedSource = {
    get: (_, range, how) => get(client, name, range, { ...how, ...settings }),
    sizeOf: (_, signal) => sizeOfObject(client, name, settings, signal),
  };
  return readRanged(source, name, options, settings);
}

function get(
  client: S3Client,
  name: ObjectName,
  range: string | undefined,
  { keyHeaders, pace, signal, divert }: RequestOptions & Pick<ReadSettings, 'keyHeaders'>,
): Promise<HttpResponse> {
  return client.send({
    method: 'GET',
    name,
    headers: { ...keyHeaders, ...(range === undefined ? {} : { range }) },
    // Memory is taken as announced, and the caller asked for all of it.
    largestBody: Number.MAX_SAFE_INTEGER,
    pace,
    divert,
    operation: 'GetObject',
    action: `read ${name}`,
    signal,
  });
}

/** The size of an object; throws `OBJECT_MISSING`. */
export async function sizeOfObject(
  client: S3Client,
  name: ObjectName,
  { keyHeaders }: Pick<ReadSettings, 'keyHeaders'>,
  signal: AbortSignal | undefined,
): Promise<number> {
  return announcedSize(name, await headObject(client, name, { keyHeaders }, signal));
}

/** The answer without the content; throws `OBJECT_MISSING`. */
export function headObject(
  client: S3Client,
  name: ObjectName,
  { keyHeaders }: Pick<ReadSettings, 'keyHeaders'>,
  signal: AbortSignal | undefined,
): Promise<HttpResponse> {
  return client.send({
    method: 'HEAD',
    name,
    headers: keyHeaders,
    operation: 'HeadObject',
    action: `look at ${name}`,
    signal,
  });
}
