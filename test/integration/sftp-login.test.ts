import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isCairnError, type KnownError } from '../../src/base/errors.ts';
import type { SftpLocation } from '../../src/storage/drivers/sftp/sftp-location.ts';
import { openSftpStorage } from '../../src/storage/drivers/sftp/sftp-storage.ts';
import type { SshEnvironment } from '../../src/storage/drivers/sftp/ssh-settings.ts';
import { peersMissing } from '../support/peers.ts';
import { canOverlayFiles, makeKey, SSH_ALIAS, SshServer, type SshServerOptions } from '../support/ssh-server.ts';

let server: SshServer;

async function start(options?: SshServerOptions): Promise<void> {
  server = await SshServer.start(options);
}

interface Try {
  readonly location?: Partial<SftpLocation>;
  readonly environment?: Partial<SshEnvironment>;
}

/** Connects and asks for an object that is not there. */
async function knock({ location, environment }: Try = {}): Promise<void> {
  await using storage = openSftpStorage(server.location('vault', location), server.environment(environment));
  await storage.stat('config');
}

async function refusal(how: Try = {}): Promise<KnownError> {
  const error = await knock(how).then(
    () => new Error('it let us in'),
    (thrown: unknown) => thrown,
  );
  if (!isCairnError(error)) throw error;
  return error;
}

const configure = (...lines: string[]): void => fs.writeFileSync(server.clientConfig, `${lines.join('\n')}\n`);
const knownHostsLine = (): string => `UserKnownHostsFile ${server.knownHosts}`;
const inHome = (name: string): string => join(server.home, '.ssh', name);

const knowOnly = (type: string): void => {
  fs.writeFileSync(
    server.knownHosts,
    `[127.0.0.1]:${server.port} ${fs.readFileSync(server.hostKeyFile(type), 'utf8')}`,
  );
};
const fingerprint = (type: string): string =>
  execFileSync('ssh-keygen', ['-lf', server.hostKeyFile(type)], { encoding: 'utf8' }).split(' ')[1] ?? '';

/** Lets in the holder of this key only. */
const authorize = (file: string): void => fs.copyFileSync(`${file}.pub`, server.authorizedKeys);

afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
});

describe.skipIf(peersMissing('sshd'))('a login over SFTP', () => {
  beforeEach(() => start());

  it.each(['ed25519', 'ecdsa', 'rsa'])('works with a key of type %s', async (type) => {
    makeKey(inHome('other'), type);
    authorize(inHome('other'));
    configure(`IdentityFile ${inHome('other')}`, knownHostsLine());
    await knock();
  });

  it('goes by the name in ssh_config, which has the port and the key', async () => {
    await knock({ location: { host: SSH_ALIAS, port: undefined } });
  });

  it('uses the usual key files where no file is named', async () => {
    configure(knownHostsLine());
    await knock();
  });

  it('opens an encrypted key with the passphrase from the environment', async () => {
    makeKey(inHome('locked'), 'ed25519', 'open sesame');
    authorize(inHome('locked'));
    configure(`IdentityFile ${inHome('locked')}`, knownHostsLine());
    await knock({ environment: { env: { CAIRN_SSH_PASSPHRASE: 'open sesame' } } });
  });

  it.each([
    ['no passphrase', {}, 'encrypted, and there is no passphrase'],
    ['a wrong passphrase', { CAIRN_SSH_PASSPHRASE: 's3cret' }, 'encrypted with another passphrase'],
  ])('says that a key is encrypted when there is %s, and what to do', async (_, env, text) => {
    makeKey(inHome('locked'), 'ed25519', 'open sesame');
    configure(`IdentityFile ${inHome('locked')}`, knownHostsLine());
    const error = await refusal({ environment: { env } });
    expect(error).toMatchObject({ code: 'STORAGE_DENIED', hint: expect.stringContaining('CAIRN_SSH_PASSPHRASE') });
    expect(error.message).toContain(text);
    expect(inspect(error, { depth: 9 })).not.toContain('s3cret');
  });

  it('that is refused names what was tried and what the server allows', async () => {
    makeKey(inHome('stranger'), 'ed25519');
    configure(`IdentityFile ${inHome('stranger')}`, knownHostsLine());
    const error = await refusal();
    expect(error).toMatchObject({ code: 'STORAGE_DENIED', retry: 'never' });
    expect(error.message).toContain(`the key ${inHome('stranger')}`);
    expect(error.facts['allowed']).toEqual(['publickey']);
  });

  it.each([
    ['PubkeyAuthentication no', 'publickey (ssh_config forbids it)'],
    ['PasswordAuthentication no', 'password (ssh_config forbids it)'],
  ])('with %s does without, and says so', async (line, text) => {
    makeKey(inHome('stranger'), 'ed25519');
    configure(line, `IdentityFile ${inHome('stranger')}`, knownHostsLine());
    expect((await refusal({ environment: { env: { CAIRN_SSH_PASSWORD: 's3cret' } } })).message).toContain(text);
    expect(server.log()).not.toContain('Accepted');
  });

  it('names a key file that ssh_config has and that is not there', async () => {
    configure(`IdentityFile ${inHome('gone')}`, knownHostsLine());
    expect((await refusal()).message).toContain(`${inHome('gone')} (is not there)`);
  });
});

describe.skipIf(peersMissing('sshd'))('an SSH agent', () => {
  let agent: ChildProcess;
  let socket = '';

  beforeEach(async () => {
    // Two wrong keys, and the server hangs up.
    await start({ config: ['MaxAuthTries 2'] });
    socket = join(server.home, 'agent');
    agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    while (!fs.existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 10));
  });

  afterEach(() => {
    agent.kill();
  });

  const add = (file: string): void => {
    execFileSync('ssh-add', ['-q', file], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: 'ignore' });
  };
  const withAgent = (): Try => ({ environment: { env: { SSH_AUTH_SOCK: socket } } });

  it('logs in with a key that only it has', async () => {
    add(inHome('id_ed25519'));
    fs.rmSync(inHome('id_ed25519'));
    await knock(withAgent());
  });

  it('is asked first for the key that ssh_config names, however many it has', async () => {
    for (const name of ['a', 'b', 'c']) {
      makeKey(inHome(name), 'ed25519');
      add(inHome(name));
    }
    add(inHome('id_ed25519'));
    fs.rmSync(inHome('id_ed25519'));
    await knock(withAgent());
  });

  it('with too many keys is named as the reason', async () => {
    for (const name of ['a', 'b', 'c']) {
      makeKey(inHome(name), 'ed25519');
      add(inHome(name));
    }
    const error = await refusal(withAgent());
    expect(error).toMatchObject({ code: 'STORAGE_DENIED', message: expect.stringContaining('3 keys of the agent') });
  });

  it('shows none of its other keys with IdentitiesOnly', async () => {
    for (const name of ['a', 'b', 'c']) {
      makeKey(inHome(name), 'ed25519');
      add(inHome(name));
    }
    fs.appendFileSync(server.clientConfig, 'IdentitiesOnly yes\n');
    await knock(withAgent());
  });

  it('that does not answer leaves the key files', async () => {
    await knock({ environment: { env: { SSH_AUTH_SOCK: join(server.home, 'nothing') } } });
  });
});

describe.skipIf(peersMissing('sshd') || !canOverlayFiles())('a password', () => {
  const PASSWORD = 'c0rrect horse';

  beforeEach(async () => {
    await start({ password: PASSWORD });
    fs.rmSync(inHome('id_ed25519'));
  });

  it('from the environment logs in', async () => {
    await knock({ environment: { env: { CAIRN_SSH_PASSWORD: PASSWORD } } });
  });

  it('that is wrong is refused, and never printed', async () => {
    const error = await refusal({ environment: { env: { CAIRN_SSH_PASSWORD: 's3cret' } } });
    expect(error).toMatchObject({ code: 'STORAGE_DENIED', message: expect.stringContaining('a password') });
    expect(inspect(error, { depth: 9 })).not.toContain('s3cret');
  });

  it('that is missing is asked for', async () => {
    expect((await refusal()).hint).toContain('CAIRN_SSH_PASSWORD');
  });
});

describe.skipIf(peersMissing('sshd'))('the host key', () => {
  beforeEach(() => start({ hostKeyTypes: ['ed25519', 'ecdsa', 'rsa'] }));

  it.each(['ed25519', 'ecdsa', 'rsa'])('of type %s is asked for where only that one is known', async (type) => {
    knowOnly(type);
    await knock();
  });

  it('is found in a file with hashed names', async () => {
    execFileSync('ssh-keygen', ['-q', '-H', '-f', server.knownHosts], { stdio: 'ignore' });
    expect(fs.readFileSync(server.knownHosts, 'utf8')).toContain('|1|');
    await knock();
  });

  it('that is not known is refused before anything is sent, with its fingerprint and the line to add', async () => {
    fs.rmSync(server.knownHosts);
    const error = await refusal({ environment: { env: { CAIRN_SSH_PASSWORD: 's3cret' } } });
    expect(error).toMatchObject({ code: 'STORAGE_HOST_UNKNOWN', retry: 'never' });
    expect(error.message).toContain(fingerprint('ed25519'));
    expect(error.hint).toContain(`>> ${server.knownHosts}`);
    expect(server.log()).not.toMatch(/password|publickey|Failed/u);
    fs.writeFileSync(server.knownHosts, `${String(error.facts['line'])}\n`);
    await knock();
  });

  it('that has changed is refused, with an error of its own that says where the known one stands', async () => {
    knowOnly('ed25519');
    server.replaceHostKey('ed25519');
    await server.restart();
    const error = await refusal();
    expect(error).toMatchObject({ code: 'STORAGE_HOST_CHANGED', retry: 'never' });
    expect(error.message).toContain(`${server.knownHosts}:1`);
    expect(error.message).toContain(fingerprint('ed25519'));
  });

  it('that stands in RevokedHostKeys is refused, also where it is pinned', async () => {
    fs.writeFileSync(inHome('revoked'), `# stolen\n${fs.readFileSync(server.hostKeyFile('ed25519'), 'utf8')}`);
    configure(`RevokedHostKeys ${inHome('revoked')}`, knownHostsLine(), `IdentityFile ${inHome('id_ed25519')}`);
    const refused = { code: 'STORAGE_HOST_CHANGED', message: expect.stringContaining('has been revoked') };
    expect(await refusal()).toMatchObject(refused);
    expect(await refusal({ location: { hostKey: fingerprint('ed25519') } })).toMatchObject(refused);
    configure(
      `RevokedHostKeys ${inHome('revoked')}`,
      'HostKeyAlgorithms rsa-sha2-512',
      knownHostsLine(),
      `IdentityFile ${inHome('id_ed25519')}`,
    );
    await knock();
  });

  it.each([
    ['that is not there', undefined, 'cannot read the revoked host keys'],
    ['of OpenSSH’s binary form', 'SSHKRL\n\0', 'is a key revocation list (KRL), which is not understood'],
  ])('is not trusted with a file of revoked keys %s', async (_, content, text) => {
    if (content !== undefined) fs.writeFileSync(inHome('revoked'), content);
    configure(`RevokedHostKeys ${inHome('revoked')}`, knownHostsLine());
    expect(await refusal()).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(text) });
  });

  it('that was revoked is refused', async () => {
    const key = fs.readFileSync(server.hostKeyFile('ed25519'), 'utf8');
    fs.appendFileSync(server.knownHosts, `@revoked * ${key}`);
    const types = fs.readFileSync(server.knownHosts, 'utf8').split('\n');
    fs.writeFileSync(server.knownHosts, types.filter((line) => line.includes('ed25519')).join('\n'));
    expect(await refusal()).toMatchObject({
      code: 'STORAGE_HOST_CHANGED',
      message: expect.stringContaining('revoked'),
    });
  });

  it('may be pinned in the address, whatever known_hosts says', async () => {
    fs.rmSync(server.knownHosts);
    await knock({ location: { hostKey: fingerprint('ed25519') } });
  });

  it('is refused when another one is pinned', async () => {
    const error = await refusal({ location: { hostKey: `SHA256:${'A'.repeat(43)}` } });
    expect(error).toMatchObject({
      code: 'STORAGE_HOST_CHANGED',
      message: expect.stringContaining(fingerprint('ed25519')),
    });
  });
});

describe.skipIf(peersMissing('sshd'))('the way to the server', () => {
  beforeEach(() => start());

  it('leads through the command of ProxyCommand', async () => {
    fs.appendFileSync(
      server.clientConfig,
      `ProxyCommand ssh -F "${server.clientConfig}" -o ProxyCommand=none -W %h:%p ${SSH_ALIAS}\n`,
    );
    await knock();
  });

  it('leads through the hosts of ProxyJump', async () => {
    fs.writeFileSync(
      server.clientConfig,
      `Host inner\n HostName 127.0.0.1\n Port ${server.port}\n ProxyJump ${SSH_ALIAS},${SSH_ALIAS}\n${fs.readFileSync(server.clientConfig, 'utf8')}`,
    );
    await knock({ location: { host: 'inner', port: undefined } });
  });

  it('that a proxy command does not find ends with what the command said', async () => {
    fs.appendFileSync(server.clientConfig, 'ProxyCommand sh -c "echo no way >&2; exit 1"\n');
    expect(await refusal()).toMatchObject({ code: 'STORAGE_UNREACHABLE', message: expect.stringContaining('no way') });
  });

  it('leads nowhere when nobody listens: later, it may', async () => {
    await server.stop();
    expect(await refusal()).toMatchObject({
      code: 'STORAGE_UNREACHABLE',
      retry: 'later',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('leads nowhere when there is no such host', async () => {
    expect(await refusal({ location: { host: 'nowhere.invalid' } })).toMatchObject({ code: 'STORAGE_UNREACHABLE' });
  });

  it('ends at a server without SFTP', async () => {
    await server[Symbol.asyncDispose]();
    await start({ config: ['Subsystem other /bin/true'] });
    expect(await refusal()).toMatchObject({ code: 'STORAGE_UNREACHABLE', hint: expect.stringContaining('sftp') });
  });
});

describe.skipIf(peersMissing('sshd'))('a server that takes the connection and says nothing', () => {
  const silent = createServer();
  let port = 0;

  beforeEach(async () => {
    await start();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    port = typeof address === 'object' && address !== null ? address.port : 0;
  });

  afterEach(() => {
    silent.close();
  });

  it('is given up after ConnectTimeout', async () => {
    fs.appendFileSync(server.clientConfig, 'ConnectTimeout 1\n');
    expect(await refusal({ location: { port } })).toMatchObject({ code: 'STORAGE_UNREACHABLE', retry: 'later' });
  });

  it('does not hold up whoever stops', async () => {
    const reason = new Error('enough');
    await using storage = openSftpStorage(server.location('vault', { port }), server.environment());
    const controller = new AbortController();
    const asked = storage.stat('config', { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 100);
    await expect(asked).rejects.toBe(reason);
  });
});
