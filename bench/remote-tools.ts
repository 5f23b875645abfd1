// How each tool is told to do the same work on the same server. Everything that a tool does by default to be safe
// is left on.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findPeer } from '../test/support/peer-catalog.ts';
import type { Command } from './measure.ts';

export interface RemotePlace {
  /** Caches and configuration. */
  readonly state: string;
  readonly environment: Readonly<Record<string, string>>;
}

export interface RemoteTool {
  readonly name: string;
  readonly version: string;
  init(url: string, place: RemotePlace): Command;
  backup(url: string, place: RemotePlace, paths: readonly string[]): Command;
  restore(url: string, place: RemotePlace, target: string): Command;
  check(url: string, place: RemotePlace): Command;
  /** Forgets all backups but the newest. */
  forgetOthers(url: string, place: RemotePlace): Command;
  prune(url: string, place: RemotePlace): Command;
}

export const remoteToolNames = ['cairn', 'restic-newest'] as const;
const PASSWORD = 'bench';

export function findRemoteTool(name: (typeof remoteToolNames)[number]): RemoteTool | undefined {
  return name === 'cairn' ? cairn() : restic();
}

function environment({ state, environment: own }: RemotePlace): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    HOME: state,
    XDG_CACHE_HOME: join(state, 'cache'),
    XDG_CONFIG_HOME: join(state, 'config'),
    ...own,
  };
}

function cairn(): RemoteTool | undefined {
  const main = fileURLToPath(new URL('../dist/bundle/cairn.js', import.meta.url));
  if (!existsSync(main)) return undefined;
  const command = (url: string, place: RemotePlace, ...args: string[]): Command => ({
    program: process.execPath,
    args: [main, ...args],
    env: { ...environment(place), CAIRN_VAULT: url, CAIRN_PASSWORD: PASSWORD },
  });
  return {
    name: 'cairn',
    version: 'this commit',
    init: (url, place) => command(url, place, 'init'),
    backup: (url, place, paths) => command(url, place, 'backup', ...paths),
    restore: (url, place, target) => command(url, place, 'restore', 'latest', '--to', target),
    check: (url, place) => command(url, place, 'check', '--read-data'),
    forgetOthers: (url, place) => command(url, place, 'forget', '--group-by', '', '--keep-last', '1', '--yes'),
    prune: (url, place) => command(url, place, 'prune', '--max-unused', '0', '--yes'),
  };
}

function restic(): RemoteTool | undefined {
  const peer = findPeer('restic-newest');
  if (peer === undefined) return undefined;
  const command = (url: string, place: RemotePlace, ...args: string[]): Command => ({
    program: peer.path,
    args,
    env: {
      ...environment(place),
      RESTIC_REPOSITORY: url,
      RESTIC_PASSWORD: PASSWORD,
      RESTIC_CACHE_DIR: join(place.state, 'cache'),
    },
  });
  return {
    name: 'restic-newest',
    version: peer.version,
    init: (url, place) => command(url, place, 'init'),
    backup: (url, place, paths) => command(url, place, 'backup', ...paths),
    restore: (url, place, target) => command(url, place, 'restore', 'latest', '--target', target),
    check: (url, place) => command(url, place, 'check', '--read-data'),
    forgetOthers: (url, place) => command(url, place, 'forget', '--group-by', '', '--keep-last', '1'),
    prune: (url, place) => command(url, place, 'prune', '--max-unused', '0'),
  };
}
