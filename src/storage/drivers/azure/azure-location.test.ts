import { describe, expect, it } from 'vitest';
import { parseAzureLocation } from './azure-location.ts';

describe('parseAzureLocation', () => {
  it.each([
    ['backups:/', 'backups', ''],
    ['backups', 'backups', ''],
    ['backups:/prod/vault/', 'backups', 'prod/vault'],
    ['backups:prod', 'backups', 'prod'],
    ['a-b-1:/x/../y', 'a-b-1', 'y'],
  ])('takes %s', (text, container, prefix) => {
    expect(parseAzureLocation(text)).toEqual({ container, prefix });
  });

  it.each(['', ':/x', 'UPPER:/', 'ab:/', 'a--b:/', '-ab:/', '//account/container', 'backups:/\u00e9', 'a/b'])(
    'refuses %j',
    (text) => {
      expect(() => parseAzureLocation(text)).toThrow(expect.objectContaining({ code: 'STORAGE_URL_INVALID' }));
    },
  );
});
