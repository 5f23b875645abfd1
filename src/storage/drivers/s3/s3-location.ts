import { CairnError } from '../../../base/errors.ts';
import { isObjectName } from '../../object-name.ts';
import { HTTP_CONNECTIONS } from '../http/http-connections.ts';
import { type Environment, UrlParameters, valueOf } from '../url-parameters.ts';

/** How objects are encrypted by the server, besides by us. */
export type S3Encryption =
  | { readonly kind: 'bucket-default' }
  | { readonly kind: 's3' }
  | { readonly kind: 'kms'; readonly keyId: string | undefined }
  /** With a key of the customer, 32 bytes in this file (SSE-C). */
  | { readonly kind: 'customer'; readonly keyFile: string };

export type S3LockMode = 'GOVERNANCE' | 'COMPLIANCE';

/** Where the objects are and how they are stored there. Holds no secret. */
export interface S3Location {
  readonly bucket: string;
  /** Without slashes at its ends; empty for the whole bucket. */
  readonly prefix: string;
  /** Undefined for AWS itself. */
  readonly endpoint: URL | undefined;
  /** Undefined where nothing says so: then that of the profile, or us-east-1. */
  readonly region: string | undefined;
  /** The bucket in the path and not in the host name. */
  readonly pathStyle: boolean;
  readonly storageClass: string | undefined;
  readonly encryption: S3Encryption;
  /** Objects cannot be removed or replaced for so many days; locks of the repository excepted. */
  readonly lock: { readonly mode: S3LockMode; readonly days: number } | undefined;
  readonly legalHold: boolean;
  readonly requesterPays: boolean;
  /** Requests are not signed. */
  readonly anonymous: boolean;
  /** Named by the URL: then it goes before the variables of the environment. */
  readonly profile: string | undefined;
  readonly caFile: string | undefined;
  readonly connections: number;
}

const HINT =
  'Write s3://BUCKET/PREFIX, with ?endpoint=https://HOST for a server that is not AWS, or s3:https://HOST/BUCKET/PREFIX. ' +
  'docs/guides/s3.md lists the parameters.';
// Lower case, digits, dots and hyphens; old buckets of us-east-1 may have capitals and underscores.
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/u;
// Fits in a host name that a certificate for *.s3.… covers.
const HOST_LABEL = /^[a-z0-9](?:[a-z0-9-]{1,61})[a-z0-9]$/u;
const AWS_HOST = /^s3(?:[.-](?<region>[a-z0-9-]+))?\.amazonaws\.com(?:\.cn)?$/u;

/**
 * Parses what follows `s3:` in a storage URL, with the `AWS_*` variables for what it does not say. Throws
 * `STORAGE_URL_INVALID`, whose text repeats nothing that may be a secret.
 */
export function parseS3Location(url: string, environment: Environment): S3Location {
  const rest = url.replace(/^s3:/iu, '');
  const at = rest.indexOf('?');
  const place = parsePlace(at < 0 ? rest : rest.slice(0, at));
  const parameters = new UrlParameters(at < 0 ? '' : rest.slice(at + 1), invalid);
  const given =
    parameters.text('endpoint') ?? valueOf(environment['AWS_ENDPOINT_URL_S3'] ?? environment['AWS_ENDPOINT_URL']);
  const endpoint = place.endpoint ?? (place.aws || given === undefined ? undefined : parseEndpoint(given));
  const location: S3Location = {
    bucket: place.bucket,
    prefix: place.prefix,
    endpoint,
    region:
      parameters.text('region') ??
      place.region ??
      valueOf(environment['AWS_REGION']) ??
      valueOf(environment['AWS_DEFAULT_REGION']),
    pathStyle: parameters.flag('path-style') ?? (endpoint !== undefined || !HOST_LABEL.test(place.bucket)),
    storageClass: parameters.text('storage-class'),
    encryption: parseEncryption(parameters),
    lock: parseLock(parameters),
    legalHold: parameters.flag('legal-hold') ?? false,
    requesterPays: parameters.flag('requester-pays') ?? false,
    anonymous: parameters.flag('anonymous') ?? false,
    profile: parameters.text('profile'),
    caFile: parameters.text('ca-file') ?? valueOf(environment['AWS_CA_BUNDLE']),
    connections: parameters.number('connections', 1, 256) ?? HTTP_CONNECTIONS,
  };
  parameters.refuseOthers();
  return location;
}

/** The location as people read it; parsing it gives the same place. */
export function describeLocation({ bucket, prefix, endpoint }: S3Location): string {
  const place = `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`;
  return endpoint === undefined ? place : `${place}?endpoint=${endpoint.origin}`;
}

interface Place {
  readonly bucket: string;
  readonly prefix: string;
  readonly endpoint: URL | undefined;
  readonly region: string | undefined;
  readonly aws: boolean;
}

function parsePlace(text: string): Place {
  const schemed = /^(?<scheme>https?:\/\/)(?<rest>.*)$/iu.exec(text);
  if (/^\/\/[^/]*@/u.test(text))
    throw invalid(
      'the S3 address holds a user or password; keys belong in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    );
  const path = (schemed?.groups?.['rest'] ?? text.replace(/^\/\//u, '')).split('/').filter((part) => part !== '');
  const [first = '', ...others] = path;
  // `s3://bucket/…` is ours; restic writes `s3:host/bucket/…`, with http:// or https:// before the host or not.
  const hostFirst = schemed !== null || !text.startsWith('//') || AWS_HOST.test(first);
  if (!hostFirst) return place(undefined, first, others);
  const endpoint = parseEndpoint(`${schemed?.groups?.['scheme'] ?? 'https://'}${first}`);
  const [bucket = '', ...prefix] = others;
  return place(endpoint, bucket, prefix);
}

function place(endpoint: URL | undefined, bucket: string, path: readonly string[]): Place {
  if (!BUCKET.test(bucket)) throw invalid('the S3 address names no bucket, or none that is valid');
  const prefix = path.join('/');
  if (prefix !== '' && !isObjectName(prefix))
    throw invalid('the prefix in the S3 address is not valid: it is printable ASCII, without . and .. as folders');
  const aws = AWS_HOST.exec(endpoint?.host ?? '');
  const region = aws?.groups?.['region'];
  return { bucket, prefix, endpoint: aws === null ? endpoint : undefined, region, aws: aws !== null };
}

function parseEndpoint(text: string): URL {
  const url = URL.parse(text.includes('://') ? text : `https://${text}`);
  if (url === null || !/^https?:$/u.test(url.protocol) || url.hostname === '')
    throw invalid('the endpoint is no http:// or https:// address');
  if (url.username !== '' || url.password !== '')
    throw invalid(
      'the endpoint holds a user or password; S3 keys belong in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    );
  if (url.pathname !== '/' || url.search !== '')
    throw invalid('the endpoint has a path; only a host and port are known');
  return url;
}

function parseEncryption(parameters: UrlParameters): S3Encryption {
  const kind = parameters.oneOf('sse', ['AES256', 'aws:kms']);
  const keyId = parameters.text('sse-kms-key-id');
  const keyFile = parameters.text('sse-c-key-file');
  if (keyFile !== undefined && (kind !== undefined || keyId !== undefined))
    throw invalid('sse-c-key-file excludes sse and sse-kms-key-id');
  if (keyFile !== undefined) return { kind: 'customer', keyFile };
  if (kind === 'aws:kms' || (kind === undefined && keyId !== undefined)) return { kind: 'kms', keyId };
  if (keyId !== undefined) throw invalid('sse-kms-key-id goes with sse=aws:kms');
  return kind === 'AES256' ? { kind: 's3' } : { kind: 'bucket-default' };
}

function parseLock(parameters: UrlParameters): S3Location['lock'] {
  const mode = parameters.oneOf('lock-mode', ['GOVERNANCE', 'COMPLIANCE']);
  const days = parameters.number('lock-days', 1, 36_500);
  if ((mode === undefined) !== (days === undefined)) throw invalid('lock-mode and lock-days belong together');
  return mode === undefined || days === undefined ? undefined : { mode, days };
}

function invalid(message: string): CairnError {
  return new CairnError('STORAGE_URL_INVALID', message, { hint: HINT });
}
