import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../base/bytes.ts';
import type { HttpRequest, HttpResponse } from '../http/http-exchange.ts';
import type { CredentialProvider } from './credentials.ts';
import { S3Client } from './s3-client.ts';
import { parseS3Location } from './s3-location.ts';

const keys = { accessKeyId: 'AKID', secretAccessKey: 's', expiresAtMs: undefined };
const fixed: CredentialProvider = { get: async () => keys, drop: () => false };

function answer(status: number, headers: HttpResponse['headers'] = {}, body = ''): HttpResponse {
  return { status, headers, body: new Uint8Array(utf8(body)), bodyBytes: body.length, diverted: false };
}

/** A client whose requests are answered one after the other, and noted. */
function setUp(
  url: string,
  credentials: CredentialProvider,
  ...answers: readonly HttpResponse[]
): { client: S3Client; sent: HttpRequest[] } {
  const location = parseS3Location(url, {});
  const sent: HttpRequest[] = [];
  const request = async (one: HttpRequest): Promise<HttpResponse> => {
    sent.push(one);
    return answers[sent.length - 1] ?? answer(200);
  };
  const region = location.region ?? 'us-east-1';
  return { client: new S3Client({ location, region, http: { request }, credentials }), sent };
}

const get = { method: 'GET', name: 'data/ab/x y', operation: 'GetObject', action: 'read data/ab/x y' } as const;

describe('a request', () => {
  it.each([
    ['s3://bucket/pre?region=eu-west-1', 'https://bucket.s3.eu-west-1.amazonaws.com/pre/data/ab/x%20y'],
    ['s3://my.bucket', 'https://s3.us-east-1.amazonaws.com/my.bucket/data/ab/x%20y'],
    ['s3://bucket?region=cn-north-1', 'https://bucket.s3.cn-north-1.amazonaws.com.cn/data/ab/x%20y'],
    ['s3://bucket/pre?endpoint=http://h:9000', 'http://h:9000/bucket/pre/data/ab/x%20y'],
    ['s3://bucket?endpoint=http://h&path-style=no', 'http://bucket.h/data/ab/x%20y'],
  ])('for an object of %s goes to %s', async (url, expected) => {
    const { client, sent } = setUp(url, fixed);
    await client.send(get);
    expect(sent[0]?.url.href).toBe(expected);
  });

  it.each([
    [301, { 'x-amz-bucket-region': 'eu-central-1' }, ''],
    [400, {}, '<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-central-1</Region></Error>'],
  ])('that is sent elsewhere with %i goes there, and the next one at once', async (status, headers, body) => {
    const { client, sent } = setUp('s3://bucket', fixed, answer(status, headers, body));
    await client.send(get);
    await client.send(get);
    expect(sent.map(({ url }) => url.host.split('.')[2])).toEqual(['us-east-1', 'eu-central-1', 'eu-central-1']);
    expect(sent[1]?.headers?.['authorization']).toContain('/eu-central-1/s3/aws4_request');
  });

  it('that is sent round in circles says where the bucket is said to be', async () => {
    const redirects = ['r-1', 'r-2'].map((region) =>
      answer(301, {}, `<Error><Code>PermanentRedirect</Code><Region>${region}</Region></Error>`),
    );
    const { client, sent } = setUp('s3://bucket', fixed, ...redirects);
    await expect(client.send(get)).rejects.toMatchObject({ code: 'STORAGE_URL_INVALID', facts: { region: 'r-2' } });
    expect(sent).toHaveLength(2);
  });

  it('does not follow a region that is no name of one', async () => {
    const { client, sent } = setUp('s3://bucket', fixed, answer(301, { 'x-amz-bucket-region': 'evil.example/#' }));
    await expect(client.send(get)).rejects.toMatchObject({ retry: 'never' });
    expect(sent).toHaveLength(1);
  });
});

/** As `setUp`, with credentials of which there are so many, one after the other. */
function withSessions(count: number, ...answers: readonly HttpResponse[]): ReturnType<typeof setUp> {
  let at = 1;
  return setUp(
    's3://bucket',
    { get: async () => ({ ...keys, accessKeyId: `AKID${at}` }), drop: () => at++ < count },
    ...answers,
  );
}

const signedBy = ({ headers }: HttpRequest): string | undefined =>
  /Credential=([^/]*)/u.exec(headers?.['authorization'] ?? '')?.[1];

describe('a session that has ended', () => {
  const ended = answer(400, {}, '<Error><Code>ExpiredToken</Code></Error>');

  it('is followed by the next one, without a failure', async () => {
    const { client, sent } = withSessions(2, ended);
    await client.send(get);
    expect(sent.map(signedBy)).toEqual(['AKID1', 'AKID2']);
  });

  it('is told of where there is no other one', async () => {
    const { client, sent } = withSessions(1, ended);
    await expect(client.send(get)).rejects.toMatchObject({ code: 'CREDENTIALS_EXPIRED' });
    expect(sent).toHaveLength(1);
  });

  it('is told of where the next one has ended too', async () => {
    const { client, sent } = withSessions(9, ended, ended);
    await expect(client.send(get)).rejects.toMatchObject({ code: 'CREDENTIALS_EXPIRED' });
    expect(sent).toHaveLength(2);
  });

  it('is noticed by the status of HEAD, whose answer has no text', async () => {
    const { client, sent } = withSessions(2, answer(400));
    await client.send({ ...get, method: 'HEAD' });
    expect(sent.map(signedBy)).toEqual(['AKID1', 'AKID2']);
  });
});
