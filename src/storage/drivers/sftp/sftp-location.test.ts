import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { describeSftpLocation, parseSftpUrl } from './sftp-location.ts';

const plain = { port: undefined, user: undefined, hostKey: undefined, connections: undefined };

describe('parseSftpUrl', () => {
  it.each([
    ['sftp:ann@nas:/srv/vault', { ...plain, user: 'ann', host: 'nas', path: '/srv/vault' }],
    ['sftp:nas:vault', { ...plain, host: 'nas', path: 'vault' }],
    ['sftp:nas:.', { ...plain, host: 'nas', path: '.' }],
    ['sftp:ann@example.com@nas:/srv', { ...plain, user: 'ann@example.com', host: 'nas', path: '/srv' }],
    ['sftp:[::1]:/srv/vault', { ...plain, host: '::1', path: '/srv/vault' }],
    ['sftp:nas:/srv/a:b?c', { ...plain, host: 'nas', path: '/srv/a:b?c' }],
  ])("takes scp's way: %s", (url, location) => {
    expect(parseSftpUrl(url)).toEqual(location);
  });

  it.each([
    ['sftp://ann@nas:2222//srv/vault/', { ...plain, user: 'ann', host: 'nas', port: 2222, path: '/srv/vault' }],
    ['sftp://nas/backups/vault', { ...plain, host: 'nas', path: 'backups/vault' }],
    ['SFTP://nas//', { ...plain, host: 'nas', path: '/' }],
    ['sftp://ann%40example.com@nas//a%20b', { ...plain, user: 'ann@example.com', host: 'nas', path: '/a b' }],
    ['sftp://[fe80::1%25eth0]:22//srv', { ...plain, host: 'fe80::1%25eth0', port: 22, path: '/srv' }],
    ['sftp://nas//srv/../vault//x', { ...plain, host: 'nas', path: '/vault/x' }],
  ])('takes a URL, whose second slash makes the path absolute: %s', (url, location) => {
    expect(parseSftpUrl(url)).toEqual(location);
  });

  it('takes options, with + and / in a fingerprint as they are', () => {
    const hostKey = `SHA256:${'+/aZ'.repeat(10)}abc`;
    expect(parseSftpUrl(`sftp://nas//srv?host-key=${hostKey}&connections=12`)).toMatchObject({
      hostKey,
      connections: 12,
    });
  });

  it.each([
    'sftp:nas',
    'sftp:nas:',
    'sftp://nas',
    'sftp://nas/',
    'sftp:///srv',
    'sftp://nas:0//srv',
    'sftp://nas:70000//srv',
    'sftp://nas:ssh//srv',
    'sftp://-oProxyCommand=x//srv',
    'sftp:-oProxyCommand=x:/srv',
    'sftp:$(id)@nas:/srv',
    'sftp:a b@nas:/srv',
    'sftp://nas//srv?cipher=none',
    'sftp://nas//srv?connections=0',
    'sftp://nas//srv?connections=1000',
    'sftp://nas//srv?host-key=MD5:00',
    'sftp://nas//a%zz',
    'sftp://nas//a%00b',
  ])('refuses %s', (url) => {
    expect(() => parseSftpUrl(url)).toThrow(expect.objectContaining({ code: 'STORAGE_URL_INVALID' }));
  });

  it('says what to write instead of a tilde', () => {
    expect(() => parseSftpUrl('sftp:nas:~/vault')).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('Leave "~/" away') }),
    );
  });

  it.each(['sftp://ann:s3cret@nas//srv', 'sftp:ann:s3cret@nas:/srv'])(
    'refuses a password in %s without repeating it, and names the variable for it',
    (url) => {
      let error: unknown;
      try {
        parseSftpUrl(url);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toMatchObject({
        code: 'STORAGE_URL_INVALID',
        hint: expect.stringContaining('CAIRN_SSH_PASSWORD'),
      });
      expect(inspect(error, { depth: 9 })).not.toContain('s3cret');
    },
  );
});

describe('describeSftpLocation', () => {
  it.each(['sftp:ann@nas:/srv/my vault', 'sftp:nas:vault', 'sftp://[::1]:2222//srv/a%3Fb', 'sftp:nas:.'])(
    'gives a URL of the same place: %s',
    (url) => {
      const location = parseSftpUrl(url);
      expect(parseSftpUrl(describeSftpLocation(location))).toEqual(location);
    },
  );
});
