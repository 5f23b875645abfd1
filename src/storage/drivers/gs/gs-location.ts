import { CairnError } from '../../../base/errors.ts';
import { parseContainerPlace } from '../container-place.ts';
import { HTTP_CONNECTIONS } from '../http/http-connections.ts';
import { type Environment, UrlParameters, valueOf } from '../url-parameters.ts';

/** Where the objects are and how they are stored there. Holds no secret. */
export interface GsLocation {
  readonly bucket: string;
  /** Without slashes at its ends; empty for the whole bucket. */
  readonly prefix: string;
  readonly endpoint: URL;
  /** Requests are made without a login. */
  readonly anonymous: boolean;
  readonly storageClass: string | undefined;
  /** Where `create` makes the bucket; Google's default (the US) if not said. */
  readonly bucketLocation: string | undefined;
  /** Cloud KMS key that Google encrypts objects with; that of the bucket if not said. */
  readonly kmsKey: string | undefined;
  /** Project that pays for the requests, where the bucket lets its requesters pay. */
  readonly userProject: string | undefined;
  /** Project that `create` makes the bucket in. */
  readonly project: string | undefined;
  readonly caFile: string | undefined;
  readonly connections: number;
}

const GOOGLE = 'https://storage.googleapis.com';
// Lower case, digits, dots, hyphens and underscores ("Bucket names", Cloud Storage documentation).
const BUCKET = /^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/u;
const CLASSES = ['STANDARD', 'NEARLINE', 'COLDLINE', 'ARCHIVE'];

/**
 * Parses a storage URL that begins with `gs:`, with `GOOGLE_PROJECT_ID` and `STORAGE_EMULATOR_HOST` for what it does not
 * say. Throws `STORAGE_URL_INVALID`, whose text repeats nothing that may be a secret.
 */
export function parseGsLocation(url: string, environment: Environment): GsLocation {
  const { container: bucket, prefix, query } = parseContainerPlace(url.replace(/^gs:/iu, ''), invalid);
  if (!BUCKET.test(bucket)) throw invalid('the address names no bucket of Google, or none that is valid');
  const parameters = new UrlParameters(query, invalid);
  const emulator = valueOf(environment['STORAGE_EMULATOR_HOST']);
  const given = parameters.text('endpoint');
  const location: GsLocation = {
    bucket,
    prefix,
    endpoint: parseEndpoint(given ?? (emulator === undefined ? GOOGLE : withScheme(emulator))),
    anonymous: parameters.flag('anonymous') ?? (given === undefined && emulator !== undefined),
    storageClass: parameters.oneOf('storage-class', CLASSES),
    bucketLocation: parameters.text('location'),
    kmsKey: parameters.text('kms-key'),
    userProject: parameters.text('user-project'),
    project: valueOf(environment['GOOGLE_PROJECT_ID']) ?? valueOf(environment['GOOGLE_CLOUD_PROJECT']),
    caFile: parameters.text('ca-file'),
    connections: parameters.number('connections', 1, 256) ?? HTTP_CONNECTIONS,
  };
  parameters.refuseOthers();
  return location;
}

/** The location as people read it; parsing it gives the same place. */
export function describeGsLocation({ bucket, prefix, endpoint }: GsLocation): string {
  const place = `gs:${bucket}:/${prefix}`;
  return endpoint.origin === GOOGLE ? place : `${place}?endpoint=${endpoint.origin}`;
}

function withScheme(host: string): string {
  return host.includes('://') ? host : `http://${host}`;
}

function parseEndpoint(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/u.test(url.protocol) || url.hostname === '')
    throw invalid('the endpoint is no http:// or https:// address');
  if (url.username !== '' || url.password !== '' || url.pathname !== '/' || url.search !== '')
    throw invalid('the endpoint has more than a host and a port');
  return url;
}

function invalid(message: string): CairnError {
  return new CairnError('STORAGE_URL_INVALID', message, {
    hint: 'Write gs:BUCKET:/PREFIX or gs://BUCKET/PREFIX. docs/guides/google-cloud-storage.md lists the parameters.',
  });
}
