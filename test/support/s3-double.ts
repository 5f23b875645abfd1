// An S3 server in this process that answers as Amazon's API Reference says, for what rclone's server does not do:
// conditional writes, object lock, cold classes, regions. It keeps objects in memory, one bucket, path style.
import { createHash } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SeenRequest {
  readonly method: string;
  /** Key of the object; empty for the bucket. */
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Takes over a request: true when it has answered, or done away with the connection. */
export type Takeover = (request: SeenRequest, response: http.ServerResponse) => boolean;

export interface S3DoubleOptions {
  readonly region?: string;
  readonly pageSize?: number;
  readonly bucketExists?: boolean;
}

interface Stored {
  readonly bytes: Buffer;
  readonly tag?: string;
  readonly storageClass: string;
}

export async function startS3Double(options: S3DoubleOptions = {}): Promise<S3Double> {
  const double = new S3Double(options);
  await double.listen();
  return double;
}

export class S3Double implements AsyncDisposable {
  readonly bucket = 'bucket';
  readonly objects: Map<string, Stored> = new Map();
  readonly uploads: Map<string, { readonly key: string; readonly parts: Map<number, Buffer> }> = new Map();
  /** When the parts of all uploads came. */
  partsCameAt = '2020-01-01T12:00:00.000Z';
  /** All requests so far. */
  readonly seen: SeenRequest[] = [];
  takeover: Takeover = () => false;
  readonly #server: http.Server;
  readonly #region: string;
  readonly #pageSize: number;
  #bucketExists: boolean;
  #uploadCount = 0;

  constructor({ region = 'us-east-1', pageSize = 1000, bucketExists = true }: S3DoubleOptions) {
    this.#region = region;
    this.#pageSize = pageSize;
    this.#bucketExists = bucketExists;
    this.#server = http.createServer((incoming, response) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => this.#answer(incoming, Buffer.concat(chunks), response));
    });
  }

  get endpoint(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  get environment(): Readonly<Record<string, string>> {
    return {
      AWS_ACCESS_KEY_ID: 'AKID',
      AWS_SECRET_ACCESS_KEY: 's3cret',
      AWS_SHARED_CREDENTIALS_FILE: '/nonexistent/none',
      AWS_CONFIG_FILE: '/nonexistent/none',
    };
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(incoming: http.IncomingMessage, body: Buffer, response: http.ServerResponse): void {
    const url = new URL(incoming.url ?? '/', 'http://x');
    const [, bucket, ...rest] = url.pathname.split('/');
    const key = decodeURIComponent(rest.join('/'));
    const { method = '', headers } = incoming;
    const request: SeenRequest = { method, key, query: url.searchParams, headers, body };
    this.seen.push(request);
    if (this.takeover(request, response)) return;
    response.setHeader('x-amz-bucket-region', this.#region);
    const signedFor = /Credential=[^/]*\/\d*\/([^/]*)\//u.exec(headers.authorization ?? '')?.[1];
    const hash = headers['x-amz-content-sha256'];
    if (signedFor !== undefined && signedFor !== this.#region)
      return refuse(response, 400, 'AuthorizationHeaderMalformed', `<Region>${this.#region}</Region>`);
    if (hash !== undefined && hash !== createHash('sha256').update(body).digest('hex'))
      return refuse(response, 400, 'XAmzContentSHA256Mismatch');
    if (bucket !== this.bucket || (!this.#bucketExists && !(method === 'PUT' && key === '')))
      return refuse(response, 404, 'NoSuchBucket');
    if (key === '') return this.#answerBucket(request, response);
    this.#answerObject(request, response);
  }

  #answerBucket({ method, query, body }: SeenRequest, response: http.ServerResponse): void {
    if (method === 'PUT') {
      this.#bucketExists = true;
      return void response.end();
    }
    if (method === 'HEAD') return void response.end();
    if (method === 'POST' && query.has('delete')) return this.#removeMany(body.toString(), response);
    if (query.has('uploads')) {
      const uploads = Array.from(
        this.uploads,
        ([id, { key }]) =>
          `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>2020-01-01T00:00:00.000Z</Initiated></Upload>`,
      );
      return xml(response, `<ListMultipartUploadsResult>${uploads.join('')}</ListMultipartUploadsResult>`);
    }
    this.#list(query, response);
  }

  #list(query: URLSearchParams, response: http.ServerResponse): void {
    const after = query.get('continuation-token') ?? '';
    const keys = Array.from(this.objects.keys())
      .filter((key) => key.startsWith(query.get('prefix') ?? '') && key > after)
      .toSorted((a, b) => (a < b ? -1 : 1));
    const page = keys.slice(0, this.#pageSize);
    const more = keys.length > page.length;
    const entries = page.map((key) => {
      const { bytes, storageClass } = this.objects.get(key) ?? { bytes: new Uint8Array(), storageClass: '' };
      const shown = `<StorageClass>${storageClass || 'STANDARD'}</StorageClass>`;
      return `<Contents><Key>${encode(key)}</Key><Size>${bytes.length}</Size>${shown}</Contents>`;
    });
    const next = more ? `<NextContinuationToken>${encode(page.at(-1) ?? '')}</NextContinuationToken>` : '';
    xml(response, `<ListBucketResult><IsTruncated>${more}</IsTruncated>${next}${entries.join('')}</ListBucketResult>`);
  }

  #removeMany(document: string, response: http.ServerResponse): void {
    const keys = Array.from(document.matchAll(/<Key>(.*?)<\/Key>/gu), ([, key = '']) => key);
    for (const key of keys) this.objects.delete(decode(key));
    xml(response, `<DeleteResult>${keys.map((key) => `<Deleted><Key>${key}</Key></Deleted>`).join('')}</DeleteResult>`);
  }

  #answerObject(request: SeenRequest, response: http.ServerResponse): void {
    const { method, key, query } = request;
    const uploadId = query.get('uploadId');
    if (uploadId !== null || query.has('uploads')) return this.#answerUpload(request, uploadId, response);
    if (method === 'PUT') return this.#put(request, request.body, response);
    if (method === 'DELETE') {
      this.objects.delete(key);
      return void response.writeHead(204).end();
    }
    const stored = this.objects.get(key);
    if (stored === undefined) return refuse(response, 404, 'NoSuchKey', '', method);
    const etag = stored.tag ?? tagOf(stored.bytes);
    if (method === 'HEAD') return void response.writeHead(200, { 'content-length': stored.bytes.length, etag }).end();
    if (['GLACIER', 'DEEP_ARCHIVE'].includes(stored.storageClass)) return refuse(response, 403, 'InvalidObjectState');
    sendRange(stored.bytes, request.headers.range, response);
  }

  #put({ key, headers }: SeenRequest, bytes: Buffer, response: http.ServerResponse): void {
    if (headers['if-none-match'] === '*' && this.objects.has(key)) return refuse(response, 412, 'PreconditionFailed');
    if (headers['x-amz-object-lock-mode'] !== undefined && headers['content-md5'] === undefined)
      return refuse(response, 400, 'InvalidRequest');
    const storageClass = headers['x-amz-storage-class'];
    this.objects.set(key, { bytes, storageClass: typeof storageClass === 'string' ? storageClass : 'STANDARD' });
    response.setHeader('etag', tagOf(bytes));
    response.end();
  }

  #answerUpload(request: SeenRequest, uploadId: string | null, response: http.ServerResponse): void {
    const { method, key, query, body } = request;
    if (uploadId === null) {
      const id = `upload ${++this.#uploadCount}`;
      this.uploads.set(id, { key, parts: new Map() });
      return xml(response, `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
    }
    const upload = this.uploads.get(uploadId);
    if (upload === undefined) return refuse(response, 404, 'NoSuchUpload');
    if (method === 'PUT') {
      upload.parts.set(Number(query.get('partNumber')), body);
      return void response.writeHead(200, { etag: tagOf(body) }).end();
    }
    if (method === 'GET') {
      const parts = Array.from(
        upload.parts.keys(),
        () => `<Part><LastModified>${this.partsCameAt}</LastModified></Part>`,
      );
      return xml(response, `<ListPartsResult>${parts.join('')}</ListPartsResult>`);
    }
    this.uploads.delete(uploadId);
    if (method === 'DELETE') return void response.writeHead(204).end();
    if (request.headers['if-none-match'] === '*' && this.objects.has(key))
      return refuse(response, 412, 'PreconditionFailed');
    const parts = Array.from(upload.parts).toSorted(([a], [b]) => a - b);
    const bytes = parts.map(([, part]) => part);
    const sums = Buffer.concat(bytes.map((part) => createHash('md5').update(part).digest()));
    const tag = `"${createHash('md5').update(sums).digest('hex')}-${parts.length}"`;
    this.objects.set(key, { bytes: Buffer.concat(bytes), tag, storageClass: 'STANDARD' });
    xml(response, '<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>');
  }
}

/** The tag of an object that came in one piece. */
function tagOf(bytes: Buffer): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`;
}

/** Answers with an `Error` document as S3 does; for HEAD without one. */
export function refuse(
  response: http.ServerResponse,
  status: number,
  code: string,
  more = '',
  method: string = response.req.method ?? '',
): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>what it says</Message>${more}</Error>`;
  response.writeHead(status, { 'content-type': 'application/xml' }).end(method === 'HEAD' ? undefined : body);
}

function sendRange(bytes: Buffer, range: string | undefined, response: http.ServerResponse): void {
  const asked = /^bytes=(\d+)-(\d*)$/u.exec(range ?? '');
  if (asked === null) return void response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
  const start = Number(asked[1]);
  const end = Math.min(asked[2] === '' ? bytes.length : Number(asked[2]) + 1, bytes.length);
  if (start >= bytes.length) return refuse(response, 416, 'InvalidRange');
  const headers = {
    'content-range': `bytes ${start}-${end - 1}/${bytes.length}`,
    'content-length': end - start,
  };
  response.writeHead(206, headers).end(bytes.subarray(start, end));
}

function xml(response: http.ServerResponse, body: string): void {
  response.writeHead(200, { 'content-type': 'application/xml' }).end(`<?xml version="1.0"?>\n${body}`);
}

function encode(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function decode(text: string): string {
  return text.replaceAll(/&#(\d+);/gu, (_, code: string) => String.fromCodePoint(Number(code)));
}
