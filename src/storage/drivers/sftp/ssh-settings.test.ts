import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseSftpUrl } from './sftp-location.ts';
import { loadSshSettings, type SshSettings } from './ssh-settings.ts';

let home = '';

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'cairn-ssh-'));
  mkdirSync(join(home, '.ssh'));
});

afterEach(() => {
  rmSync(home, { recursive: true });
});

function settingsOf(config: string, url = 'sftp:nas:/srv', env: Record<string, string> = {}): Promise<SshSettings> {
  const file = join(home, '.ssh/config');
  writeFileSync(file, config);
  return loadSshSettings(parseSftpUrl(url), { env, home, localUser: 'ann', configFiles: [file] });
}

describe('the settings of a host without a configuration', () => {
  it('are the defaults of OpenSSH', async () => {
    const location = parseSftpUrl('sftp:nas:/srv');
    const absent = { env: {}, home, localUser: 'ann', configFiles: [join(home, 'none')] };
    const settings = await loadSshSettings(location, absent);
    expect(settings).toMatchObject({ host: 'nas', port: 22, user: 'ann', proxy: { kind: 'none' }, family: 0 });
    expect(settings.hostKey.files[0]).toBe(join(home, '.ssh/known_hosts'));
    expect(settings.login.identityFiles.map(({ path }) => path)).toContain(join(home, '.ssh/id_ed25519'));
    expect(settings.login).toMatchObject({ agentSocket: undefined, password: undefined, passphrase: undefined });
  });
});

describe('ssh_config', () => {
  it('takes the first value of a keyword, whatever case and separator', async () => {
    const settings = await settingsOf('PORT=2222\nhost *\n  port 3333\n  HostName = 192.0.2.7\n  User "bob"\n');
    expect(settings).toMatchObject({ port: 2222, host: '192.0.2.7', user: 'bob' });
  });

  it('gives way to the address', async () => {
    const settings = await settingsOf('Host nas\n User bob\n Port 2222\n', 'sftp://eve@nas:22//srv');
    expect(settings).toMatchObject({ user: 'eve', port: 22 });
  });

  it.each([
    ['Host nas', true],
    ['Host web n?s', true],
    ['Host * !nas', false],
    ['Host web', false],
    ['Match all', true],
    ['Match host nas user ann', true],
    ['Match host nas user bob', false],
    ['Match !host nas', false],
    ['Match originalhost web,nas localuser ann', true],
    ['Match exec "true"', false],
    ['Match host nas exec "true"', false],
    ['Match canonical all', false],
  ])('applies a block by its head: %s: %s', async (head, applies) => {
    expect((await settingsOf(`${head}\n  Port 2222\n`)).port).toBe(applies ? 2222 : 22);
  });

  it('looks at the real name in `Match host` and at the written one in `Match originalhost`', async () => {
    const config =
      'Host nas\n HostName nas.example.com\nMatch host *.example.com\n Port 2222\nMatch originalhost nas\n User bob\n';
    expect(await settingsOf(config)).toMatchObject({ port: 2222, user: 'bob' });
  });

  it('adds up identity files and replaces their tokens', async () => {
    const settings = await settingsOf(
      'IdentityFile ~/.ssh/%r_at_%h\nIdentityFile "%d/a b"\nIdentityFile ${KEYS}/k\n',
      undefined,
      {
        KEYS: '/keys',
      },
    );
    expect(settings.login.identityFiles).toEqual([
      { path: join(home, '.ssh/ann_at_nas'), isNamed: true },
      { path: join(home, 'a b'), isNamed: true },
      { path: '/keys/k', isNamed: true },
    ]);
  });

  it('uses no identity file with `IdentityFile none`', async () => {
    expect((await settingsOf('IdentityFile none\n')).login.identityFiles).toEqual([]);
  });

  it('replaces the written name in HostName', async () => {
    expect((await settingsOf('HostName %h.example.com\n')).host).toBe('nas.example.com');
  });

  it('takes what stands behind ProxyCommand whole, quotes included', async () => {
    const settings = await settingsOf('ProxyCommand  nc -X "connect" %h %p # %% here\n');
    expect(settings.proxy).toEqual({ kind: 'command', command: 'nc -X "connect" nas 22 # % here' });
  });

  it('knows every hop of ProxyJump', async () => {
    const { proxy } = await settingsOf('ProxyJump bob@one:2222,ssh://two,[::1]:3333\n');
    expect(proxy).toMatchObject({
      kind: 'jump',
      hops: [
        { host: 'one', user: 'bob', port: 2222 },
        { host: 'two', user: undefined, port: undefined },
        { host: '::1', port: 3333 },
      ],
    });
  });

  it.each(['ProxyJump none\n', 'ProxyCommand none\n'])('needs no proxy with %j', async (config) => {
    expect((await settingsOf(config)).proxy).toEqual({ kind: 'none' });
  });

  it('reads known hosts where it is told to', async () => {
    const config = 'UserKnownHostsFile ~/a "~/b c"\nGlobalKnownHostsFile none\nHostKeyAlias vault\n';
    const { hostKey } = await settingsOf(config);
    expect(hostKey).toMatchObject({ files: [join(home, 'a'), join(home, 'b c')], alias: 'vault' });
  });

  it('includes files, by pattern, within the block that includes them', async () => {
    writeFileSync(join(home, '.ssh/one.conf'), 'Port 2222\nHost web\n User web\n');
    writeFileSync(join(home, '.ssh/two.conf'), 'Port 3333\nUser bob\n');
    expect(await settingsOf('Host web\n Include one.conf\nHost nas\n Include *.conf\n')).toMatchObject({
      port: 2222,
      user: 'bob',
    });
  });

  it('stops at files that include each other', async () => {
    await expect(settingsOf('Include ~/.ssh/config\n')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('refuses a port that is none', async () => {
    await expect(settingsOf('Port ssh\n')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('the agent', () => {
  it.each([
    ['', '/run/agent', '/run/agent'],
    ['IdentityAgent none\n', '/run/agent', undefined],
    ['IdentityAgent ~/sock\n', '/run/agent', '~/sock'],
    ['IdentityAgent $OTHER\n', '/run/agent', '/run/other'],
    ['', '', undefined],
  ])('with %j and SSH_AUTH_SOCK=%s is %s', async (config, socket, expected) => {
    const env = { SSH_AUTH_SOCK: socket, OTHER: '/run/other' };
    const { login } = await settingsOf(config, undefined, env);
    expect(login.agentSocket).toBe(expected?.replace('~', home));
  });
});

describe('ciphers and the like in ssh_config', () => {
  it.each([
    ['Ciphers aes256-ctr,3des-cbc,aes256-gcm@openssh.com', 'cipher', ['aes256-ctr', 'aes256-gcm@openssh.com']],
    ['Ciphers -aes*', 'cipher', ['chacha20-poly1305@openssh.com']],
    ['MACs -*sha1*,*256*', 'hmac', ['hmac-sha2-512-etm@openssh.com', 'hmac-sha2-512']],
    ['KexAlgorithms sntrup761x25519-sha512,curve25519-sha256', 'kex', ['curve25519-sha256']],
    ['KexAlgorithms +diffie-hellman-group1-sha1', 'kex', expect.arrayContaining(['curve25519-sha256'])],
    ['Port 22', 'kex', undefined],
  ] as const)('%s: what is left is used', async (line, kind, names) => {
    expect((await settingsOf(line)).algorithms[kind]).toEqual(names);
  });

  it('come first with ^', async () => {
    const { algorithms } = await settingsOf('Ciphers ^chacha20*');
    expect(algorithms.cipher.slice(0, 2)).toEqual(['chacha20-poly1305@openssh.com', 'aes128-gcm@openssh.com']);
  });

  it('that leave nothing are an error, and not passed over', async () => {
    await expect(settingsOf('Ciphers 3des-cbc')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'Ciphers of the SSH configuration leaves nothing that can be used',
    });
  });
});

describe('a way to another server', () => {
  it.each([
    ['ProxyCommand nc %h %p\nProxyJump bastion', { kind: 'command', command: 'nc nas 22' }],
    ['ProxyCommand none\nProxyJump bastion', { kind: 'none' }],
    ['ProxyJump none\nProxyCommand nc %h %p', { kind: 'none' }],
  ])('%j is what is said first, as with OpenSSH', async (lines, proxy) => {
    expect((await settingsOf(lines)).proxy).toEqual(proxy);
  });
});
