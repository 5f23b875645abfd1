import { describe, expect, it } from 'vitest';
import type { Environment } from '../url-parameters.ts';
import { describeGsLocation, type GsLocation, parseGsLocation } from './gs-location.ts';

const parse = (url: string, environment: Environment = {}): GsLocation => parseGsLocation(url, environment);

describe('an address in Google Cloud Storage', () => {
  it.each([
    ['gs:backups:/', 'backups', ''],
    ['gs:backups:/prod/vault/', 'backups', 'prod/vault'],
    ['gs:backups:prod', 'backups', 'prod'],
    ['gs://backups', 'backups', ''],
    ['gs://backups/prod/vault', 'backups', 'prod/vault'],
    ['GS:a_b.c-1:/x/../y', 'a_b.c-1', 'y'],
  ])('%s is the bucket %s', (url, bucket, prefix) => {
    expect(parse(url)).toMatchObject({ bucket, prefix, anonymous: false });
  });

  it.each([
    'gs:',
    'gs:/x',
    'gs://',
    'gs:UPPER:/',
    'gs:ab?storage-class=NEARLINE',
    'gs:abc:/é',
    'gs:abc:/?storage-class=GLACIER',
    'gs:abc:/?storageclass=NEARLINE',
    'gs:abc:/?endpoint=ftp://h',
    'gs:abc:/?endpoint=http://u:s3cret@h',
    'gs:abc:/?connections=0',
  ])('refuses %j', (url) => {
    expect(() => parse(url)).toThrow(
      expect.objectContaining({ code: 'STORAGE_URL_INVALID', message: expect.not.stringContaining('s3cret') }),
    );
  });

  it('says how objects are stored', () => {
    expect(
      parse('gs:abc:/?storage-class=COLDLINE&location=EU&kms-key=projects/p/k&user-project=q&connections=3'),
    ).toMatchObject({
      storageClass: 'COLDLINE',
      bucketLocation: 'EU',
      kmsKey: 'projects/p/k',
      userProject: 'q',
      connections: 3,
    });
  });

  it('leads to an emulator, without a login, where the environment names one', () => {
    const location = parse('gs:abc:/p', { STORAGE_EMULATOR_HOST: '127.0.0.1:4443', GOOGLE_PROJECT_ID: 'p1' });
    expect(location).toMatchObject({ anonymous: true, project: 'p1' });
    expect(describeGsLocation(location)).toBe('gs:abc:/p?endpoint=http://127.0.0.1:4443');
    expect(parse(describeGsLocation(location))).toMatchObject({ bucket: 'abc', prefix: 'p', anonymous: false });
  });
});
