import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Environment } from '../url-parameters.ts';
import { describeLocation, parseS3Location, type S3Location } from './s3-location.ts';

const parse = (url: string, environment: Environment = {}): S3Location => parseS3Location(url, environment);
const place = (url: string, environment: Environment = {}): unknown => {
  const { bucket, prefix, endpoint, region, pathStyle } = parse(url, environment);
  return [endpoint?.origin, bucket, prefix, region, pathStyle];
};

describe('parseS3Location', () => {
  it.each([
    ['s3://bucket', [undefined, 'bucket', '', undefined, false]],
    ['s3://bucket/', [undefined, 'bucket', '', undefined, false]],
    ['s3://bucket/a/b/', [undefined, 'bucket', 'a/b', undefined, false]],
    ['s3://my.bucket/a', [undefined, 'my.bucket', 'a', undefined, true]],
    ['s3://bucket/a?region=eu-west-1', [undefined, 'bucket', 'a', 'eu-west-1', false]],
    ['s3://bucket/a?endpoint=http://h:9000', ['http://h:9000', 'bucket', 'a', undefined, true]],
    ['s3://bucket/a?endpoint=h.example', ['https://h.example', 'bucket', 'a', undefined, true]],
    ['s3://bucket/a?endpoint=https://h&path-style=no', ['https://h', 'bucket', 'a', undefined, false]],
    // As restic writes them.
    ['s3:https://h:9000/bucket/a', ['https://h:9000', 'bucket', 'a', undefined, true]],
    ['s3:http://h/bucket', ['http://h', 'bucket', '', undefined, true]],
    ['s3:h.example/bucket/a', ['https://h.example', 'bucket', 'a', undefined, true]],
    ['s3:s3.amazonaws.com/bucket/a', [undefined, 'bucket', 'a', undefined, false]],
    ['s3:https://s3.eu-west-1.amazonaws.com/bucket/a', [undefined, 'bucket', 'a', 'eu-west-1', false]],
    ['s3://s3-eu-west-1.amazonaws.com/bucket/a', [undefined, 'bucket', 'a', 'eu-west-1', false]],
  ])('reads %s', (url, expected) => {
    expect(place(url)).toEqual(expected);
  });

  it('takes endpoint and region from the environment where the address does not say', () => {
    const environment = { AWS_ENDPOINT_URL: 'https://general', AWS_ENDPOINT_URL_S3: 'https://own', AWS_REGION: 'r1' };
    expect(place('s3://bucket/a', environment)).toEqual(['https://own', 'bucket', 'a', 'r1', true]);
    expect(place('s3://bucket/a?region=r2&endpoint=https://e', environment)).toEqual([
      'https://e',
      'bucket',
      'a',
      'r2',
      true,
    ]);
    expect(place('s3:s3.amazonaws.com/bucket', environment)).toEqual([undefined, 'bucket', '', 'r1', false]);
  });

  it.each([
    's3:',
    's3://',
    's3://b',
    's3://bucket/../x',
    's3:https://h',
    's3:host-alone',
    's3://bucket?endpoint=ftp://h',
    's3://bucket?endpoint=https://h/path',
    's3://bucket?lock-mode=GOVERNANCE',
    's3://bucket?lock-mode=SOME&lock-days=3',
    's3://bucket?lock-mode=GOVERNANCE&lock-days=0',
    's3://bucket?connections=many',
    's3://bucket?sse=AES256&sse-kms-key-id=k',
    's3://bucket?sse=AES256&sse-c-key-file=k',
    's3://bucket?path-style=perhaps',
    's3://bucket?loc-mode=GOVERNANCE',
  ])('refuses %s and says how to write it', (url) => {
    expect(() => parse(url)).toThrow(
      expect.objectContaining({ code: 'STORAGE_URL_INVALID', hint: expect.stringContaining('s3://BUCKET/PREFIX') }),
    );
  });

  it.each([
    's3://bucket?endpoint=https://user:s3cret@h',
    's3:https://user:s3cret@h/bucket',
    's3://bucket?S3CRET=x',
    's3://key:s3cret@bucket/x',
  ])('does not repeat what may be a secret: %s', (url) => {
    try {
      parse(url);
      expect.fail('it should have failed');
    } catch (error) {
      expect(error).toMatchObject({ code: 'STORAGE_URL_INVALID' });
      expect(inspect(error)).not.toMatch(/s3cret/iu);
    }
  });
});

it.each([
  ['s3://key:secret@bucket/x', /user or password/u],
  ['s3://bucket/ü', /printable ASCII/u],
  ['s3://bucket/../x', /without \. and \.\./u],
])('says what is wrong with %s', (url, message) => {
  expect(() => parse(url)).toThrow(message);
});

describe('describeLocation', () => {
  it.each(['s3://bucket', 's3://bucket/a/b', 's3:http://h:9000/bucket/a'])('names the place of %s', (url) => {
    const location = parse(url);
    expect(place(describeLocation(location))).toEqual(place(url));
  });
});
