// How each backup tool is told to do the same things: the same compression class (zstd at its default level, 3),
// encryption on, everything that a tool does by default to be safe left on.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findPeer } from '../test/support/peer-catalog.ts';
import { runCommand, type Command } from './measure.ts';

/** Where one tool works: all directories are its own and below the bench's temporary directory. */
export interface ToolPlace {
  readonly repository: string;
  /** Caches and configuration. HOME points here too. */
  readonly state: string;
}

/** `reread`: read all data again although it is known. */
export type BackupMode = 'normal' | 'reread';

export interface Tool {
  readonly name: string;
  readonly version: string;
  /** Makes an empty repository; not measured. */
  init(place: ToolPlace): Promise<void>;
  backup(place: ToolPlace, tree: string, mode: BackupMode): Promise<Command>;
  /** Restores the only backup into an empty directory. */
  restore(place: ToolPlace, tree: string, target: string): Promise<Command>;
  /** Reads and verifies all data. */
  check(place: ToolPlace): Promise<Command>;
}

/**
 * `cairn` opens its vault with a key that it has made, as the default vault has one; `cairn-typed` with a password of a person,
 * which costs more to derive. The others know only the latter.
 */
export const toolNames = ['cairn', 'cairn-typed', 'restic', 'restic-newest', 'rustic', 'borg', 'kopia'] as const;
export type ToolName = (typeof toolNames)[number];

const PASSWORD = 'bench';
const SETUP_MS = 120_000;

function environment(place: ToolPlace, own: Readonly<Record<string, string>>): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    HOME: place.state,
    XDG_CACHE_HOME: join(place.state, 'cache'),
    XDG_CONFIG_HOME: join(place.state, 'config'),
    XDG_DATA_HOME: join(place.state, 'data'),
    XDG_STATE_HOME: join(place.state, 'state'),
    ...own,
  };
}

/** The tool, or undefined where it is not installed. */
export function findTool(name: ToolName): Tool | undefined {
  if (name === 'cairn' || name === 'cairn-typed') return cairn(name);
  const peer = findPeer(name);
  if (peer === undefined) return undefined;
  switch (name) {
    case 'restic':
    case 'restic-newest':
      return restic(name, peer.path, peer.version);
    case 'rustic':
      return rustic(peer.path, peer.version);
    case 'borg':
      return borg(peer.path, peer.version);
    case 'kopia':
      return kopia(peer.path, peer.version);
    default:
      return name satisfies never;
  }
}

function cairn(name: 'cairn' | 'cairn-typed'): Tool | undefined {
  const main = fileURLToPath(new URL('../dist/bundle/cairn.js', import.meta.url));
  if (!existsSync(main)) return undefined;
  const command = (place: ToolPlace, ...args: string[]): Command => ({
    program: process.execPath,
    args: [main, ...args],
    env: environment(place, {
      CAIRN_VAULT: place.repository,
      ...(name === 'cairn' ? { CAIRN_PASSWORD_FILE: keyFile(place) } : { CAIRN_PASSWORD: PASSWORD }),
    }),
  });
  return {
    name,
    version: 'this commit',
    init: async (place) => {
      if (name === 'cairn') await runCommand(command(place, 'key', 'generate', keyFile(place)), SETUP_MS);
      await runCommand(command(place, 'init'), SETUP_MS);
    },
    backup: async (place, tree, mode) => command(place, 'backup', ...(mode === 'reread' ? ['--force'] : []), tree),
    restore: async (place, _tree, target) => command(place, 'restore', 'latest', '--to', target),
    check: async (place) => command(place, 'check', '--read-data'),
  };
}

function keyFile(place: ToolPlace): string {
  return join(place.state, 'vault-key');
}

function restic(name: string, program: string, version: string): Tool {
  const command = (place: ToolPlace, ...args: string[]): Command => ({
    program,
    args,
    env: environment(place, {
      RESTIC_REPOSITORY: place.repository,
      RESTIC_PASSWORD: PASSWORD,
      RESTIC_CACHE_DIR: join(place.state, 'cache'),
    }),
  });
  return {
    name,
    version,
    init: async (place) => void (await runCommand(command(place, 'init'), SETUP_MS)),
    backup: async (place, tree, mode) => command(place, 'backup', ...(mode === 'reread' ? ['--force'] : []), tree),
    restore: async (place, _tree, target) => command(place, 'restore', 'latest', '--target', target),
    check: async (place) => command(place, 'check', '--read-data'),
  };
}

function rustic(program: string, version: string): Tool {
  const command = (place: ToolPlace, ...args: string[]): Command => ({
    program,
    args,
    env: environment(place, {
      RUSTIC_REPOSITORY: place.repository,
      RUSTIC_PASSWORD: PASSWORD,
      RUSTIC_CACHE_DIR: join(place.state, 'cache'),
      RUSTIC_NO_PROGRESS: 'true',
    }),
  });
  return {
    name: 'rustic',
    version,
    init: async (place) => void (await runCommand(command(place, 'init'), SETUP_MS)),
    backup: async (place, tree, mode) => command(place, 'backup', ...(mode === 'reread' ? ['--force'] : []), tree),
    restore: async (place, _tree, target) => command(place, 'restore', 'latest', target),
    check: async (place) => command(place, 'check', '--read-data'),
  };
}

function borg(program: string, version: string): Tool {
  const command = (place: ToolPlace, ...args: string[]): Command => ({
    program,
    args,
    env: environment(place, { BORG_REPO: place.repository, BORG_PASSPHRASE: PASSWORD, BORG_BASE_DIR: place.state }),
  });
  return {
    name: 'borg',
    version,
    init: async (place) => void (await runCommand(command(place, 'init', '--encryption=repokey'), SETUP_MS)),
    backup: async (place, tree, mode) => {
      const files = mode === 'reread' ? ['--files-cache', 'disabled'] : [];
      return command(place, 'create', '--compression', 'zstd,3', ...files, '::bench-{now:%s%f}', tree);
    },
    restore: async (place, _tree, target) => {
      const archive = await runCommand(command(place, 'list', '--last', '1', '--format', '{archive}'), SETUP_MS);
      return { ...command(place, 'extract', `::${archive.trim()}`), cwd: target };
    },
    check: async (place) => command(place, 'check', '--verify-data'),
  };
}

function kopia(program: string, version: string): Tool {
  const command = (place: ToolPlace, ...args: string[]): Command => ({
    program,
    args: [...args, '--no-progress'],
    env: environment(place, {
      KOPIA_PASSWORD: PASSWORD,
      KOPIA_CONFIG_PATH: join(place.state, 'repository.config'),
      KOPIA_CACHE_DIRECTORY: join(place.state, 'cache'),
      KOPIA_LOG_DIR: join(place.state, 'log'),
      KOPIA_CHECK_FOR_UPDATES: 'false',
      KOPIA_USE_KEYRING: 'false',
      KOPIA_PERSIST_CREDENTIALS_ON_CONNECT: 'false',
    }),
  });
  return {
    name: 'kopia',
    version,
    init: async (place) => {
      mkdirSync(place.repository, { recursive: true });
      await runCommand(command(place, 'repository', 'create', 'filesystem', '--path', place.repository), SETUP_MS);
      await runCommand(command(place, 'policy', 'set', '--global', '--compression', 'zstd'), SETUP_MS);
    },
    backup: async (place, tree, mode) =>
      command(place, 'snapshot', 'create', tree, ...(mode === 'reread' ? ['--force-hash', '100'] : [])),
    restore: async (place, tree, target) => {
      const listed = await runCommand(command(place, 'snapshot', 'list', '--json', tree), SETUP_MS);
      const snapshots = JSON.parse(listed) as { id: string }[];
      const newest = snapshots.at(-1);
      if (newest === undefined) throw new Error('kopia lists no snapshot');
      return command(place, 'snapshot', 'restore', newest.id, target);
    },
    check: async (place) => command(place, 'snapshot', 'verify', '--verify-files-percent', '100'),
  };
}
