// A real sshd on loopback, with keys, files and a client configuration of its own; ended by pid.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { SftpLocation } from '../../src/storage/drivers/sftp/sftp-location.ts';
import type { SshEnvironment } from '../../src/storage/drivers/sftp/ssh-settings.ts';
import { freePort } from './free-port.ts';
import { findPeer } from './peer-catalog.ts';

export interface SshServerOptions {
  readonly hostKeyTypes?: readonly ('ed25519' | 'ecdsa' | 'rsa')[];
  /** More lines of sshd_config; the first value of a keyword wins. */
  readonly config?: readonly string[];
  /** The password of this user inside the server, and nowhere else. Needs root, and a mount namespace. */
  readonly password?: string;
}

/** How `ssh`, restic and our settings call the server in the client configuration. */
export const SSH_ALIAS = 'test-server';

export class SshServer implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  #daemon: ChildProcess;

  private constructor(folder: string, port: number, daemon: ChildProcess) {
    this.#folder = folder;
    this.port = port;
    this.#daemon = daemon;
  }

  static async start(options: SshServerOptions = {}): Promise<SshServer> {
    const folder = fs.mkdtempSync(join(tmpdir(), 'cairn-sshd-'));
    try {
      return await SshServer.#startIn(folder, options);
    } catch (error) {
      fs.rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  static async #startIn(folder: string, options: SshServerOptions): Promise<SshServer> {
    for (const name of ['host', 'files', 'home/.ssh'])
      fs.mkdirSync(join(folder, name), { recursive: true, mode: 0o700 });
    // sshd as root wants this directory, which a machine without a running sshd lacks.
    if (process.getuid?.() === 0) fs.mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    const port = await freePort();
    const types = options.hostKeyTypes ?? ['ed25519'];
    for (const type of types) makeKey(join(folder, 'host', type), type);
    makeKey(join(folder, 'home/.ssh/id_ed25519'), 'ed25519');
    fs.copyFileSync(join(folder, 'home/.ssh/id_ed25519.pub'), join(folder, 'authorized_keys'));
    fs.writeFileSync(join(folder, 'sshd_config'), serverConfig(folder, port, types, options));
    const server = new SshServer(folder, port, await startDaemon(folder, options.password));
    fs.writeFileSync(server.knownHosts, server.knownHostsLines());
    fs.writeFileSync(join(server.home, '.ssh/config'), server.#clientConfig());
    return server;
  }

  /** A home directory whose `.ssh` leads to the server. */
  get home(): string {
    return join(this.#folder, 'home');
  }

  /** Where a session starts: relative paths lie here. */
  get files(): string {
    return join(this.#folder, 'files');
  }

  get knownHosts(): string {
    return join(this.home, '.ssh/known_hosts');
  }

  get authorizedKeys(): string {
    return join(this.#folder, 'authorized_keys');
  }

  get clientConfig(): string {
    return join(this.home, '.ssh/config');
  }

  hostKeyFile(type: string): string {
    return join(this.#folder, 'host', `${type}.pub`);
  }

  /** What known_hosts has to say. */
  knownHostsLines(): string {
    const keys = fs.readdirSync(join(this.#folder, 'host')).filter((name) => name.endsWith('.pub'));
    return keys
      .map((name) => `[127.0.0.1]:${this.port} ${fs.readFileSync(join(this.#folder, 'host', name), 'utf8')}`)
      .join('');
  }

  environment(more: Partial<SshEnvironment> = {}): SshEnvironment {
    const { username: localUser } = userInfo();
    return { env: {}, home: this.home, localUser, configFiles: [this.clientConfig], ...more };
  }

  location(path: string, more: Partial<SftpLocation> = {}): SftpLocation {
    const port = this.port;
    return { host: '127.0.0.1', port, user: undefined, path, hostKey: undefined, connections: undefined, ...more };
  }

  /** Processes that serve connections: children of the daemon, and theirs. */
  sessions(): number[] {
    return this.#daemon.pid === undefined ? [] : descendants(this.#daemon.pid);
  }

  /** Ends all connections the hard way; the daemon takes new ones. */
  dropConnections(): void {
    for (const pid of this.sessions()) kill(pid);
  }

  /** Ends the daemon and all connections; nobody listens any more. */
  async stop(): Promise<void> {
    const ended =
      this.#daemon.exitCode === null && this.#daemon.signalCode === null ? once(this.#daemon, 'exit') : undefined;
    const { pid } = this.#daemon;
    if (pid !== undefined) for (const each of [...descendants(pid), pid]) kill(each);
    await ended;
  }

  async restart(): Promise<void> {
    await this.stop();
    this.#daemon = await startDaemon(this.#folder, undefined);
  }

  /** A new host key in place of the old one, for the next `restart`. */
  replaceHostKey(type: 'ed25519' | 'ecdsa' | 'rsa'): void {
    fs.rmSync(join(this.#folder, 'host', type));
    fs.rmSync(this.hostKeyFile(type));
    makeKey(join(this.#folder, 'host', type), type);
  }

  /** What sshd logged: for looking into a failing test. */
  log(): string {
    return fs.readFileSync(join(this.#folder, 'log'), 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }

  #clientConfig(): string {
    return [
      `Host ${SSH_ALIAS}`,
      '  HostName 127.0.0.1',
      `  Port ${this.port}`,
      'Host *',
      `  IdentityFile ${this.home}/.ssh/id_ed25519`,
      `  UserKnownHostsFile ${this.knownHosts}`,
      '  GlobalKnownHostsFile none',
      '',
    ].join('\n');
  }
}

/** Makes a key pair without questions. */
export function makeKey(file: string, type: string, passphrase = ''): void {
  execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', 'test', '-f', file]);
}

function serverConfig(folder: string, port: number, types: readonly string[], options: SshServerOptions): string {
  return [
    ...(options.config ?? []),
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    'AddressFamily inet',
    ...types.map((type) => `HostKey ${folder}/host/${type}`),
    'PidFile none',
    'UsePAM no',
    'StrictModes no',
    'PermitRootLogin yes',
    `PasswordAuthentication ${options.password === undefined ? 'no' : 'yes'}`,
    'KbdInteractiveAuthentication no',
    'PubkeyAuthentication yes',
    `AuthorizedKeysFile ${folder}/authorized_keys`,
    // Tests connect often and at once.
    'MaxStartups 100',
    ...(options.config?.some((line) => line.startsWith('Subsystem ')) === true
      ? []
      : [`Subsystem sftp internal-sftp -d ${folder}/files`]),
    '',
  ].join('\n');
}

async function startDaemon(folder: string, password: string | undefined): Promise<ChildProcess> {
  const sshd = findPeer('sshd');
  if (sshd === undefined) throw new Error('sshd is not installed');
  const log = fs.openSync(join(folder, 'log'), 'w');
  const args = ['-D', '-e', '-f', join(folder, 'sshd_config')];
  const daemon =
    password === undefined
      ? spawn(sshd.path, args, { stdio: ['ignore', 'ignore', log] })
      : spawn(
          'unshare',
          [
            '--mount',
            'sh',
            '-c',
            'mount --bind "$0" /etc/shadow && exec "$@"',
            ownShadow(folder, password),
            sshd.path,
            ...args,
          ],
          {
            stdio: ['ignore', 'ignore', log],
          },
        );
  fs.closeSync(log);
  for (;;) {
    if (fs.readFileSync(join(folder, 'log'), 'utf8').includes('Server listening on')) return daemon;
    if (daemon.exitCode !== null || daemon.signalCode !== null)
      throw new Error(`sshd did not start: ${fs.readFileSync(join(folder, 'log'), 'utf8')}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A shadow file that only the server sees, in which the user of this process has the password. */
function ownShadow(folder: string, password: string): string {
  const hash = execFileSync('openssl', ['passwd', '-6', '-stdin'], { input: password, encoding: 'utf8' }).trim();
  const file = join(folder, 'shadow');
  fs.writeFileSync(file, `${userInfo().username}:${hash}:19000:0:99999:7:::\n`, { mode: 0o600 });
  return file;
}

/** Whether this process may give a child a shadow file of its own. */
export function canOverlayFiles(): boolean {
  try {
    execFileSync('unshare', ['--mount', 'sh', '-c', 'mount --bind /etc/hostname /etc/shadow'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function descendants(pid: number): number[] {
  const children = fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .map(Number)
    .filter((candidate) => parentOf(candidate) === pid);
  return children.flatMap((child) => [...descendants(child), child]);
}

function parentOf(pid: number): number | undefined {
  try {
    // The second field, a name in brackets, may hold anything.
    return Number(fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/su, '').trim().split(' ')[1]);
  } catch {
    return undefined;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
