import { homedir, hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { CairnError } from '../../../base/errors.ts';
import { Secret } from '../../../base/secret.ts';
import { secretVariable } from '../../../base/secret-variable.ts';
import { homeFolder } from '../../../base/user-folder.ts';
import type { HostKeyPolicy } from './host-key-check.ts';
import type { SftpLocation } from './sftp-location.ts';
import { algorithmsOf, type SshAlgorithms } from './ssh-algorithms.ts';
import { readSshConfig, type SshHostConfig } from './ssh-config.ts';

/** The world that a connection depends on; tests bring their own. */
export interface SshEnvironment {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly localUser: string;
  /** ssh_config files, the most important first. */
  readonly configFiles: readonly string[];
  /** How long a server that stalls is waited for, where that is not to be minutes. */
  readonly patience?: { readonly pingMs: number; readonly answerMs: number };
}

/** All that is needed to log in to one server. */
export interface SshSettings {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly family: 0 | 4 | 6;
  readonly connectTimeoutMs: number;
  readonly hostKey: HostKeyPolicy;
  readonly algorithms: SshAlgorithms;
  readonly login: SshLogin;
  readonly proxy: SshProxy;
}

export interface SshLogin {
  readonly identityFiles: readonly IdentityFile[];
  /** Only keys of the identity files, also from the agent. */
  readonly identitiesOnly: boolean;
  /** Methods that ssh_config forbids, by their names in SSH. */
  readonly forbidden: readonly string[];
  readonly agentSocket: string | undefined;
  readonly password: Secret | undefined;
  readonly passphrase: Secret | undefined;
}

export interface IdentityFile {
  readonly path: string;
  /** Named in ssh_config, so that it is worth a word where it cannot be used. */
  readonly isNamed: boolean;
}

export type SshProxy =
  | { readonly kind: 'none' }
  | { readonly kind: 'command'; readonly command: string }
  /** Through these servers, the nearest first. */
  | { readonly kind: 'jump'; readonly hops: readonly SftpLocation[] };

const DEFAULT_IDENTITIES = ['id_ed25519', 'id_ecdsa', 'id_rsa'];
const CONNECT_TIMEOUT_MS = 30_000;

export function systemSshEnvironment(env: SshEnvironment['env'] = process.env): SshEnvironment {
  // ssh itself goes by the user's entry in the system; it is only read, and HOME goes first, as for all of ours.
  const home = homeFolder(env) ?? homedir();
  return {
    env,
    home,
    localUser: userInfo().username,
    configFiles: [join(home, '.ssh', 'config'), '/etc/ssh/ssh_config'],
  };
}

/** What the address, ssh_config and the environment say together, in this order of importance. */
export async function loadSshSettings(
  location: SftpLocation,
  environment: SshEnvironment,
  signal?: AbortSignal,
): Promise<SshSettings> {
  const { home, localUser, configFiles: files } = environment;
  const config = await readSshConfig({ host: location.host, user: location.user, localUser, home, files, signal });
  const value = (keyword: string): string | undefined => config.values.get(keyword)?.[0];
  const tokens = new Tokens(location, config, environment);
  const { host, port, user } = tokens;
  return {
    host,
    port,
    user,
    family: familyOf(value('addressfamily')),
    connectTimeoutMs: secondsOf(value('connecttimeout')) ?? CONNECT_TIMEOUT_MS,
    hostKey: {
      host,
      port,
      alias: value('hostkeyalias'),
      files: knownHostsFiles(config, tokens, environment),
      pinned: location.hostKey,
      algorithms: value('hostkeyalgorithms'),
      revoked: revokedOf(value('revokedhostkeys'), tokens),
    },
    algorithms: algorithmsOf(value),
    login: loginOf(config, tokens, environment),
    proxy: proxyOf(config, tokens),
  };
}

/** The server itself, and the `%h` and other tokens of ssh_config(5) that stand for it. */
class Tokens {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly #values: Readonly<Record<string, string>>;
  readonly #environment: SshEnvironment;

  constructor(location: SftpLocation, config: SshHostConfig, environment: SshEnvironment) {
    const value = (keyword: string): string | undefined => config.values.get(keyword)?.[0];
    this.#environment = environment;
    this.host = (value('hostname') ?? '%h').replaceAll(/%([h%])/g, (_, token) => (token === 'h' ? location.host : '%'));
    this.port = location.port ?? portOf(value('port')) ?? 22;
    this.user = location.user ?? value('user') ?? environment.localUser;
    const local = hostname();
    this.#values = {
      '%': '%',
      h: this.host,
      n: location.host,
      k: value('hostkeyalias') ?? location.host,
      p: String(this.port),
      r: this.user,
      u: environment.localUser,
      d: environment.home,
      l: local,
      L: local.replace(/\..*$/s, ''),
    };
  }

  replace(text: string): string {
    return text.replaceAll(/%(.)/g, (whole, token: string) => this.#values[token] ?? whole);
  }

  /** A path with `~`, `${NAME}` and tokens. */
  path(text: string): string {
    const { env, home } = this.#environment;
    const named = text.replaceAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => env[name] ?? '');
    const plain = this.replace(named);
    return plain === '~' || plain.startsWith('~/') ? join(home, plain.slice(1)) : plain;
  }
}

function knownHostsFiles(config: SshHostConfig, tokens: Tokens, { home }: SshEnvironment): string[] {
  const user = config.values.get('userknownhostsfile') ?? [
    join(home, '.ssh', 'known_hosts'),
    join(home, '.ssh', 'known_hosts2'),
  ];
  const global = config.values.get('globalknownhostsfile') ?? ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'];
  return [...user, ...global].filter((file) => file !== 'none').map((file) => tokens.path(file));
}

function revokedOf(file: string | undefined, tokens: Tokens): string | undefined {
  return file === undefined || file.toLowerCase() === 'none' ? undefined : tokens.path(file);
}

function loginOf(config: SshHostConfig, tokens: Tokens, { env, home }: SshEnvironment): SshLogin {
  const named = config.identityFiles.filter((file) => file !== 'none');
  const identityFiles =
    config.identityFiles.length === 0
      ? DEFAULT_IDENTITIES.map((name) => ({ path: join(home, '.ssh', name), isNamed: false }))
      : named.map((file) => ({ path: tokens.path(file), isNamed: true }));
  return {
    identityFiles,
    identitiesOnly: config.values.get('identitiesonly')?.[0]?.toLowerCase() === 'yes',
    forbidden: FORBIDDING.flatMap(([keyword, method]) => (saysNo(config, keyword) ? [method] : [])),
    agentSocket: agentOf(config.values.get('identityagent')?.[0], tokens, env),
    password: secretOf(secretVariable(env, 'CAIRN_SSH_PASSWORD')),
    passphrase: secretOf(secretVariable(env, 'CAIRN_SSH_PASSPHRASE')),
  };
}

const FORBIDDING = [
  ['pubkeyauthentication', 'publickey'],
  ['passwordauthentication', 'password'],
  ['kbdinteractiveauthentication', 'keyboard-interactive'],
  // Its name before OpenSSH 8.7.
  ['challengeresponseauthentication', 'keyboard-interactive'],
] as const;

function saysNo({ values }: SshHostConfig, keyword: string): boolean {
  return ['no', 'false'].includes(values.get(keyword)?.[0]?.toLowerCase() ?? '');
}

function agentOf(identityAgent: string | undefined, tokens: Tokens, env: SshEnvironment['env']): string | undefined {
  if (identityAgent === 'none') return undefined;
  if (identityAgent === undefined || identityAgent === 'SSH_AUTH_SOCK') return nonEmpty(env['SSH_AUTH_SOCK']);
  // `$NAME` names a variable that holds the socket.
  return identityAgent.startsWith('$') && !identityAgent.startsWith('${')
    ? nonEmpty(env[identityAgent.slice(1)])
    : tokens.path(identityAgent);
}

function secretOf(text: string | undefined): Secret | undefined {
  return text === undefined ? undefined : new Secret(text);
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** `ProxyCommand` and `ProxyJump` exclude each other: whichever comes first counts, `none` too. */
function proxyOf({ values }: SshHostConfig, tokens: Tokens): SshProxy {
  const first = [...values.keys()].find((keyword) => keyword === 'proxycommand' || keyword === 'proxyjump');
  const value = first === undefined ? undefined : values.get(first)?.[0];
  if (value === undefined || value.toLowerCase() === 'none') return { kind: 'none' };
  if (first === 'proxycommand') return { kind: 'command', command: tokens.replace(value) };
  return { kind: 'jump', hops: value.split(',').map((hop) => parseHop(tokens.replace(hop.trim()))) };
}

/** `[user@]host[:port]` or `ssh://[user@]host[:port]`. */
function parseHop(text: string): SftpLocation {
  const match = /^(?:ssh:\/\/)?(?:([^@/]+)@)?(\[[^\]/]+\]|[^:@/[\]]+)(?::([0-9]+))?\/?$/.exec(text);
  if (match === null) throw invalid('ProxyJump', 'Write ProxyJump user@host:port in the SSH configuration.');
  const [, user, host = '', port] = match;
  return {
    host: host.replace(/^\[(.*)\]$/s, '$1'),
    port: portOf(port),
    user,
    path: '.',
    hostKey: undefined,
    connections: undefined,
  };
}

function portOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw invalid('Port', 'A port is a number from 1 to 65535.');
}

function secondsOf(text: string | undefined): number | undefined {
  const seconds = Number(text);
  return text !== undefined && Number.isInteger(seconds) && seconds > 0 ? seconds * 1000 : undefined;
}

function familyOf(text: string | undefined): 0 | 4 | 6 {
  if (text?.toLowerCase() === 'inet') return 4;
  return text?.toLowerCase() === 'inet6' ? 6 : 0;
}

function invalid(keyword: string, hint: string): CairnError {
  return new CairnError('CONFIG_INVALID', `the SSH configuration has a value of ${keyword} that makes no sense`, {
    hint,
  });
}
