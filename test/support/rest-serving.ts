// Servers of restic's REST protocol for tests: ours in this process, rest-server as a child process.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashSync } from 'bcryptjs';
import { Accounts } from '../../src/server/rest/accounts.ts';
import { type RestServer, type RestServerOptions, startRestServer } from '../../src/server/rest/rest-server.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { freePort } from './free-port.ts';
import { findPeer } from './peer-catalog.ts';
import { endChild } from './server-process.ts';

/** Lines of an htpasswd file for these users; a password is the name with `-password` behind it. */
export function htpasswdLines(...users: readonly string[]): string {
  return users.map((user) => `${user}:${hashSync(`${user}-password`, 4)}\n`).join('');
}

export async function accountsOf(...users: readonly string[]): Promise<Accounts> {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-users-'));
  try {
    writeFileSync(join(folder, 'users'), htpasswdLines(...users));
    return await Accounts.open(join(folder, 'users'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Our server on a free port of this machine, open unless told otherwise. */
export function serveOurs(storage: Storage, options: Partial<RestServerOptions> = {}): Promise<RestServer> {
  return startRestServer(storage, {
    listen: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    access: { kind: 'open', localOnly: true },
    ...options,
  });
}

export interface ServedUrl extends AsyncDisposable {
  /** Ends in `/`. */
  readonly url: string;
}

/** rest-server on a free port, with the repositories in `folder`. */
export async function serveTheirs(folder: string, args: readonly string[] = ['--no-auth']): Promise<ServedUrl> {
  const peer = findPeer('rest-server');
  if (peer === undefined) throw new Error('rest-server is not installed');
  const port = await freePort();
  const child = spawn(peer.path, ['--path', folder, '--listen', `127.0.0.1:${port}`, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await printed(child, 'start server on');
  return {
    url: `http://127.0.0.1:${port}/`,
    [Symbol.asyncDispose]: () => endChild(child),
  };
}

/** Waits until a program has printed `text`, on either stream. Throws with what it said when it ends before. */
export async function printed(child: ChildProcess, text: string): Promise<void> {
  let output = '';
  await new Promise<void>((resolve, reject) => {
    const look = (chunk: Buffer): void => {
      output += chunk.toString();
      if (output.includes(text)) resolve();
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
    child.once('error', reject);
    child.once('close', (code) => reject(new Error(`ended with ${code}: ${output}`)));
  });
}
