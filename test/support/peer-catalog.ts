// The programs that tests and benches run beside ours: which ones, where they come from, where they are.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, globSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type PeerName =
  | 'restic'
  | 'restic-newest'
  | 'rest-server'
  | 'openssl'
  | 'borg'
  | 'kopia'
  | 'rustic'
  | 'git'
  | 'getfattr'
  | 'setfattr'
  | 'setfacl'
  | 'mkfs.ext4'
  | 'time'
  | 'rclone'
  | 'sshd'
  | 'azurite'
  | 'fake-gcs-server'
  | 'swift-proxy-server'
  | 'swift-account-server'
  | 'swift-container-server'
  | 'swift-object-server'
  | 'memcached'
  | 'age'
  | 'age-plugin-batchpass'
  | 'zstd'
  | 'tar'
  | 'postgres'
  | 'initdb'
  | 'pg_dump'
  | 'mariadbd'
  | 'mariadb-dump';

export type PeerOrigin =
  /** A package of Debian; the program is then found on the PATH. */
  | { readonly kind: 'debian'; readonly package: string; readonly program: string }
  /** Built by the Go client. `sum` is the module's hash as the checksum database has it. */
  | {
      readonly kind: 'go';
      readonly module: string;
      readonly version: string;
      readonly sum: string;
      readonly main: string;
      readonly tags: readonly string[];
    }
  /** Built by cargo with the crate's own lock file. */
  | { readonly kind: 'cargo'; readonly crate: string; readonly version: string; readonly program: string }
  /** A program of an npm package, installed with its dependencies beside the built peers. */
  | { readonly kind: 'npm'; readonly package: string; readonly version: string; readonly program: string };

export interface Peer {
  readonly name: PeerName;
  readonly origin: PeerOrigin;
  /** `asked`: takes so long to build that it is installed only when named. */
  readonly neededBy: 'tests' | 'bench' | 'asked';
  /** Empty for programs that do not say it, or take a second for that. */
  readonly versionArgs: readonly string[];
}

function debian(
  name: PeerName,
  neededBy: Peer['neededBy'],
  packageName: string,
  versionArgs: readonly string[] = ['--version'],
): Peer {
  return { name, neededBy, versionArgs, origin: { kind: 'debian', package: packageName, program: name } };
}

export const peers: readonly Peer[] = [
  debian('restic', 'tests', 'restic', ['version']),
  {
    name: 'restic-newest',
    neededBy: 'tests',
    versionArgs: ['version'],
    origin: {
      kind: 'go',
      module: 'github.com/restic/restic',
      version: 'v0.19.1',
      sum: 'h1:LQKkar5/gYxay1OCokAWPBNiLr1lTpt4fhdM4GWqSlY=',
      main: 'cmd/restic',
      tags: [],
    },
  },
  {
    name: 'rest-server',
    neededBy: 'tests',
    versionArgs: ['--version'],
    origin: {
      kind: 'go',
      module: 'github.com/restic/rest-server',
      version: 'v0.14.0',
      sum: 'h1:II5myUaSHEc5133fkM4BL5zINJIV8vaPRwTair/hr4Q=',
      main: 'cmd/rest-server',
      tags: [],
    },
  },
  debian('openssl', 'tests', 'openssl', ['version']),
  debian('git', 'tests', 'git'),
  debian('getfattr', 'tests', 'attr'),
  debian('setfattr', 'tests', 'attr'),
  debian('setfacl', 'tests', 'acl'),
  debian('mkfs.ext4', 'tests', 'e2fsprogs', ['-V']),
  debian('sshd', 'tests', 'openssh-server', ['-V']),
  {
    name: 'azurite',
    neededBy: 'tests',
    versionArgs: ['--version'],
    origin: { kind: 'npm', package: 'azurite', version: '3.37.0', program: 'azurite-blob' },
  },
  {
    name: 'fake-gcs-server',
    neededBy: 'tests',
    versionArgs: [],
    origin: {
      kind: 'go',
      module: 'github.com/fsouza/fake-gcs-server',
      version: 'v1.56.1',
      sum: 'h1:K03sAvbLvDz4hAynpCCUqnNRp+ik9JFSvHbkD/wTPOU=',
      main: '',
      tags: [],
    },
  },
  // A real Swift: a proxy before one server each of accounts, containers and objects. Its logins want a memcached.
  debian('swift-proxy-server', 'tests', 'swift-proxy', []),
  debian('swift-account-server', 'tests', 'swift-account', []),
  debian('swift-container-server', 'tests', 'swift-container', []),
  debian('swift-object-server', 'tests', 'swift-object', []),
  debian('memcached', 'tests', 'memcached'),
  debian('time', 'bench', 'time'),
  debian('borg', 'bench', 'borgbackup'),
  {
    name: 'kopia',
    neededBy: 'bench',
    versionArgs: ['--version'],
    origin: {
      kind: 'go',
      module: 'github.com/kopia/kopia',
      version: 'v0.22.3',
      sum: 'h1:/eFesjfsv1XEwGSPNrc/Zt7OV9Lb24r9jPglHW1gA84=',
      main: '',
      tags: ['nohtmlui'],
    },
  },
  {
    name: 'rustic',
    neededBy: 'asked',
    versionArgs: ['--version'],
    origin: { kind: 'cargo', crate: 'rustic-rs', version: '0.11.4', program: 'rustic' },
  },
  {
    // The S3 server and the REST server of the tests, and a storage of its own.
    name: 'rclone',
    neededBy: 'tests',
    versionArgs: ['version'],
    origin: {
      kind: 'go',
      module: 'github.com/rclone/rclone',
      version: 'v1.71.2',
      sum: 'h1:3Jk5xNPFrZhVABRuN/OPvApuZQddpE2tkhYMuEn1Ud4=',
      main: '',
      tags: ['noselfupdate'],
    },
  },
  ageProgram('age'),
  // Lets the age program take a passphrase from the environment instead of a terminal.
  ageProgram('age-plugin-batchpass'),
  debian('zstd', 'tests', 'zstd'),
  debian('tar', 'tests', 'tar'),
  debian('postgres', 'tests', 'postgresql'),
  debian('initdb', 'tests', 'postgresql'),
  debian('pg_dump', 'tests', 'postgresql'),
  // The server without its service: nothing starts by itself.
  debian('mariadbd', 'tests', 'mariadb-server-core'),
  debian('mariadb-dump', 'tests', 'mariadb-client'),
];

function ageProgram(name: 'age' | 'age-plugin-batchpass'): Peer {
  const sum = 'h1:r6RSZLFSMm6rzKepZ7ZAYkKCu14f3/Me8c7uKYh7C8c=';
  return {
    name,
    neededBy: 'tests',
    versionArgs: ['--version'],
    origin: { kind: 'go', module: 'filippo.io/age', version: 'v1.3.2', sum, main: `cmd/${name}`, tags: [] },
  };
}

/** The directory of built peers: `CAIRN_PEERS`, or `.peers` of this checkout. */
export function peersDirectory(): string {
  const chosen = process.env['CAIRN_PEERS'];
  if (chosen !== undefined && chosen !== '') return chosen;
  return fileURLToPath(new URL('../../.peers', import.meta.url));
}

/** Where a built peer is kept. The version is in the name, so that a newer one in the catalog is built anew. */
export function builtPath(peer: Peer): string {
  if (peer.origin.kind === 'debian') throw new Error(`${peer.name} is installed, not built`);
  return join(peersDirectory(), 'bin', `${peer.name}-${peer.origin.version.replace(/^v/u, '')}`);
}

export function peerNamed(name: string): Peer {
  const peer = peers.find((candidate) => candidate.name === name);
  if (peer === undefined)
    throw new Error(`no peer is called ${name}; there are ${peers.map((p) => p.name).join(', ')}`);
  return peer;
}

export interface FoundPeer {
  readonly path: string;
  /** What it says of itself, such as `0.14.0`. */
  readonly version: string;
}

const found = new Map<PeerName, FoundPeer | undefined>();

/** The installed program, or undefined. Looked up once per process. */
export function findPeer(name: PeerName): FoundPeer | undefined {
  if (!found.has(name)) found.set(name, lookUp(peerNamed(name)));
  return found.get(name);
}

/** Looks again after an installation. */
export function forgetFoundPeers(): void {
  found.clear();
}

function lookUp(peer: Peer): FoundPeer | undefined {
  const path = peer.origin.kind === 'debian' ? onPath(peer.origin.program) : executable(builtPath(peer));
  if (path === undefined) return undefined;
  if (peer.versionArgs.length === 0) return { path, version: 'unknown' };
  const { status, stdout, stderr } = spawnSync(path, peer.versionArgs, { encoding: 'utf8', timeout: 20_000 });
  if (status !== 0) return undefined;
  return { path, version: /\d+\.\d+(?:\.\d+)*/u.exec(`${stdout}\n${stderr}`)?.[0] ?? 'unknown' };
}

function onPath(program: string): string | undefined {
  // mkfs is in /usr/sbin, which a user's PATH may lack.
  const directories = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/sbin',
    '/sbin',
    // Debian keeps the programs of each version of PostgreSQL apart.
    ...globSync('/usr/lib/postgresql/*/bin').sort().reverse(),
  ];
  for (const directory of directories) {
    const path = executable(join(directory, program));
    if (directory !== '' && path !== undefined) return path;
  }
  return undefined;
}

function executable(path: string): string | undefined {
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    return undefined;
  }
}
