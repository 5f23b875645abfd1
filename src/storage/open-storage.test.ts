import { resolve } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../base/bytes.ts';
import { openStorage, parseStorageUrl } from './open-storage.ts';

describe('parseStorageUrl', () => {
  it.each([
    ['vault', resolve('vault')],
    ['./s3:x', resolve('s3:x')],
    ['/srv/a:b', '/srv/a:b'],
    ['local:vault', resolve('vault')],
    ['local:/srv/vault', '/srv/vault'],
    ['file:///srv/my%20vault', '/srv/my vault'],
    ['file:/srv/vault', '/srv/vault'],
  ])('takes %s for a path', (url, path) => {
    expect(parseStorageUrl(url)).toEqual({ kind: 'local', path });
  });

  it('takes what names a server or a remote', () => {
    expect(parseStorageUrl('rest:https://host/r')).toMatchObject({ kind: 'rest', location: { socketPath: undefined } });
    expect(parseStorageUrl('rclone:remote:a/b')).toEqual({ kind: 'rclone', remote: 'remote:a/b' });
    expect(parseStorageUrl('rclone::memory:')).toEqual({ kind: 'rclone', remote: ':memory:' });
  });

  it.each([
    '',
    'local:',
    'file:',
    'file://host/x',
    'a\0b',
    'sftp:host',
    'b2:x',
    'rest:h',
    'rest:ftp://h/',
    'rclone:r',
    'rclone:/x',
    'http://x',
  ])('refuses %j and says what is supported', (url) => {
    expect(() => parseStorageUrl(url)).toThrow(
      expect.objectContaining({
        code: 'STORAGE_URL_INVALID',
        hint: expect.stringMatching(/memory:NAME|rest:|rclone:|sftp:/),
      }),
    );
  });

  it.each([
    'rest:https://user:s3cret@host/?x',
    'rclone:s3cret',
    's3cret:x@host/path',
    'file://user:s3cret@host/x',
    'https://u:s3cret@h',
  ])('does not repeat what may be a secret: %s', async (url) => {
    const error = await openStorage(url).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'STORAGE_URL_INVALID' });
    expect(inspect(error, { depth: 9 })).not.toContain('s3cret');
  });
});

describe('openStorage', () => {
  it('opens the same memory storage for the same name, also after it was disposed', async () => {
    {
      await using first = await openStorage('memory:shared');
      await first.write('config', utf8('c'));
    }
    await using second = await openStorage('memory:shared');
    await using other = await openStorage('memory:other');
    expect(await second.stat('config')).toBeDefined();
    expect(await other.stat('config')).toBeUndefined();
  });
});
