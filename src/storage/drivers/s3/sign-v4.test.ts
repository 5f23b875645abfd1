import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../base/bytes.ts';
import { encodePath, encodeQuery } from '../http/url-encoding.ts';
import { EMPTY_SHA256, hashPayload, presignV4, signV4 } from './sign-v4.ts';

// The examples of Amazon's S3 API Reference, "Signature Calculations for the Authorization Header".
const keys = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };
const how = { keys, region: 'us-east-1', now: new Date('2013-05-24T00:00:00Z') };
const host = 'https://examplebucket.s3.amazonaws.com/';

function signature(method: string, path: string, headers: Record<string, string> = {}, body = ''): string {
  const payloadHash = hashPayload(body === '' ? [] : [utf8(body)]);
  const signed = signV4({ method, url: new URL(host + path), headers, payloadHash }, how);
  return /Signature=(.*)$/u.exec(signed['authorization'] ?? '')?.[1] ?? '';
}

describe('signV4', () => {
  it('signs a read of a range', () => {
    expect(signature('GET', 'test.txt', { range: 'bytes=0-9' })).toBe(
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    );
  });

  it('signs a write with a key that has to be encoded', () => {
    const headers = { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' };
    expect(signature('PUT', encodePath('test$file.text'), headers, 'Welcome to Amazon S3.')).toBe(
      '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    );
  });

  it('signs a query with a name alone', () => {
    expect(signature('GET', '?lifecycle')).toBe('fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543');
  });

  it('signs a query with values', () => {
    expect(signature('GET', `?${encodeQuery({ prefix: 'J', 'max-keys': '2' })}`)).toBe(
      '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    );
  });

  it('sends and signs the token of a session', () => {
    const signed = signV4(
      { method: 'GET', url: new URL(host), headers: {}, payloadHash: EMPTY_SHA256 },
      { ...how, keys: { ...keys, sessionToken: 'token' } },
    );
    expect(signed).toMatchObject({
      'x-amz-security-token': 'token',
      authorization: expect.stringContaining('SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token'),
    });
  });
});

describe('presignV4', () => {
  // The example of Amazon's S3 API Reference, "Authenticating Requests: Using Query Parameters".
  it('makes the URL of the reference', () => {
    const url = presignV4({ method: 'GET', url: new URL(`${host}test.txt`), expiresInSeconds: 86_400 }, how);
    expect(url.href).toBe(
      `${host}test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256` +
        '&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request' +
        '&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host' +
        '&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
    );
  });

  it('signs the parameters of the answer and the token of a session', () => {
    const url = new URL(`${host}test.txt?response-content-type=text%2Fplain`);
    const session = { ...how, keys: { ...keys, sessionToken: 'to/ken' } };
    const { searchParams } = presignV4({ method: 'GET', url, expiresInSeconds: 60 }, session);
    expect(searchParams.get('X-Amz-Security-Token')).toBe('to/ken');
    expect(searchParams.get('response-content-type')).toBe('text/plain');
    const plain = presignV4({ method: 'GET', url: new URL(`${host}test.txt`), expiresInSeconds: 60 }, session);
    expect(searchParams.get('X-Amz-Signature')).not.toBe(plain.searchParams.get('X-Amz-Signature'));
  });
});

describe('encodePath', () => {
  it('keeps slashes and unreserved characters, and no others', () => {
    expect(encodePath("a b/%2e/(x)!'*+~_-.:@")).toBe('a%20b/%252e/%28x%29%21%27%2A%2B~_-.%3A%40');
  });
});
