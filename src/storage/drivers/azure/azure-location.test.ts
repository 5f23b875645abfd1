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

  it.each([
    ['backups:/prod?storage-class=cool', 'unknown parameter storage-class'],
    ['backups?x=1', 'unknown parameter x'],
    ['backups:/prod?SIG=secret', 'unknown parameter'],
  ])('knows no parameter, and takes none for a part of the prefix: %s', (text, message) => {
    expect(() => parseAzureLocation(text)).toThrow(expect.objectContaining({ code: 'STORAGE_URL_INVALID', message }));
  });

  it('takes a question mark with nothing behind it for the end of the prefix', () => {
    expect(parseAzureLocation('backups:/prod?').prefix).toBe('prod');
  });

  it.each(['', ':/x', 'UPPER:/', 'ab:/', 'a--b:/', '-ab:/', '//account/container', 'backups:/\u00e9', 'a/b'])(
    'refuses %j',
    (text) => {
      expect(() => parseAzureLocation(text)).toThrow(expect.objectContaining({ code: 'STORAGE_URL_INVALID' }));
    },
  );
});
