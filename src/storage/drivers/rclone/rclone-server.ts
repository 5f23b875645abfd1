import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { CairnError, systemCode } from '../../../base/errors.ts';
import { withoutSecretVariables } from '../../../base/secret-variables.ts';
import { Secret } from '../../../base/secret.ts';
import { secretsOfRemote } from './rclone-remote.ts';
import type { RestLogin } from '../rest/rest-location.ts';

/** Remotes are asked for nothing before rclone says where it listens, but some log in first. */
const START_MS = 60_000;
const STOP_MS = 5000;
/** Lines of rclone that an error quotes. */
const KEPT_LINES = 4;

/**
 * Ends the program as soon as standard input does: the system closes that whichever way this process ends, so nothing
 * outlives it. Arguments come from outside of the script and are never part of it.
 */
const GUARD = `
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
(cat <&3 >/dev/null 2>&1; kill "$child" 2>/dev/null) >/dev/null 2>&1 &
exec 3<&-
trap 'kill "$child" 2>/dev/null' TERM INT
wait "$child"
`;

type Child = ChildProcessByStdio<Writable, null, Readable>;

/** A running `rclone serve restic`, on a port of this machine with a password that only this process knows. */
export class RcloneServer implements AsyncDisposable {
  readonly base: URL;
  readonly login: RestLogin;
  readonly #child: Child;
  readonly #log: RcloneLog;
  readonly #ended: Promise<void>;

  private constructor(child: Child, log: RcloneLog, { base, login, ended }: Started) {
    this.#child = child;
    this.#log = log;
    this.base = base;
    this.login = login;
    this.#ended = ended;
  }

  /** Starts rclone for `remote` (`name:path`). Throws `COMMAND_FAILED`, with what rclone said. */
  static async start(remote: string, env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<RcloneServer> {
    signal?.throwIfAborted();
    const login = { user: 'cairn', password: new Secret(randomBytes(32).toString('hex')) };
    const child = startRclone(remote, env, login);
    const log = new RcloneLog(child.stderr, remote);
    const ended = new Promise<void>((resolve) => {
      child.once('close', () => resolve());
      child.once('error', () => resolve());
    });
    try {
      const base = await addressOf(child, log, signal);
      return new RcloneServer(child, log, { base, login, ended });
    } catch (error) {
      await stop(child, ended);
      throw error;
    }
  }

  /** Throws `COMMAND_FAILED` once rclone has ended: no request will be answered any more. */
  checkAlive(): void {
    if (!hasEnded(this.#child)) return;
    throw failed(`rclone ended in the middle${this.#log.quote()}`);
  }

  /** What rclone said last of an error, once; its answers do not say why. Waits a moment for a line on its way. */
  async takeError(): Promise<string> {
    for (let waits = 0; this.#log.lastError === '' && waits < 10; waits++) await sleep(20);
    const error = this.#log.lastError;
    this.#log.lastError = '';
    return error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stop(this.#child, this.#ended);
  }
}

interface Started {
  readonly base: URL;
  readonly login: RestLogin;
  readonly ended: Promise<void>;
}

function startRclone(remote: string, env: NodeJS.ProcessEnv, { user, password }: RestLogin): Child {
  const program = env['CAIRN_RCLONE'] ?? 'rclone';
  const args = ['serve', 'restic', '--addr', '127.0.0.1:0', '--', remote];
  const options = {
    stdio: ['pipe', 'ignore', 'pipe'] as ['pipe', 'ignore', 'pipe'],
    // A group of its own: Ctrl-C is for us, who still need it to finish.
    detached: process.platform !== 'win32',
    env: rcloneEnvironment(env, user, password),
  };
  const child =
    process.platform === 'win32'
      ? spawn(program, args, options)
      : spawn('/bin/sh', ['-c', GUARD, 'sh', program, ...args], options);
  // With the pipe broken there is nothing to do but wait for its end.
  child.stdin.on('error', () => {});
  return child;
}

/** The user's settings for rclone stay; what this connection needs does not depend on them. */
function rcloneEnvironment(env: NodeJS.ProcessEnv, user: string, password: Secret): NodeJS.ProcessEnv {
  const {
    RCLONE_LOG_FILE: _file,
    RCLONE_SYSLOG: _syslog,
    RCLONE_BASEURL: _base,
    ...rest
  } = withoutSecretVariables(env);
  return {
    ...rest,
    RCLONE_USER: user,
    // Never an argument: those are for everyone to read.
    RCLONE_PASS: Buffer.from(password.reveal()).toString('utf8'),
    RCLONE_HTPASSWD: '',
    RCLONE_LOG_LEVEL: 'NOTICE',
    RCLONE_USE_JSON_LOG: 'false',
  };
}

/** Waits for the line with the address. */
async function addressOf(child: Child, log: RcloneLog, signal: AbortSignal | undefined): Promise<URL> {
  const { promise, resolve, reject } = Promise.withResolvers<URL>();
  log.onAddress = resolve;
  const timer = setTimeout(
    () => reject(failed(`rclone did not start within ${START_MS / 1000} s${log.quote()}`)),
    START_MS,
  );
  const onAbort = (): void => reject(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  child.once('error', (error) => reject(cannotStart(error)));
  child.once('close', (code) => reject(code === 127 ? notFound() : failed(`rclone ended with ${code}${log.quote()}`)));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** The last lines of what rclone prints, without what may be secret in them. */
class RcloneLog {
  readonly #lines: string[] = [];
  readonly #secrets: readonly string[];
  onAddress: (address: URL) => void = () => {};
  lastError = '';

  constructor(stderr: Readable, remote: string) {
    this.#secrets = secretsOfRemote(remote);
    createInterface({ input: stderr }).on('line', (line) => this.#add(line));
  }

  quote(): string {
    return this.#lines.length === 0 ? '' : `; it says: ${this.#lines.join(' / ')}`;
  }

  #add(line: string): void {
    const port = /http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1];
    if (port !== undefined) this.onAddress(new URL(`http://127.0.0.1:${port}/`));
    const text = this.#secrets.reduce((rest, secret) => rest.replaceAll(secret, '…'), withoutTime(line));
    // Long names come first, and what the remote says last.
    if (text.startsWith('ERROR')) this.lastError = text.slice(0, 2000);
    this.#lines.push(text.slice(0, 300));
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
  }
}

function withoutTime(line: string): string {
  return line.replace(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /, '').trim();
}

function hasEnded(child: Child): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function stop(child: Child, ended: Promise<void>): Promise<void> {
  if (child.pid === undefined) return;
  child.stdin.destroy();
  signalGroup(child, 'SIGTERM');
  const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(timer);
}

/** The guard and rclone are one group. */
function signalGroup({ pid }: Child, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, signal);
  } catch (error) {
    // Ended already.
    if (systemCode(error) !== 'ESRCH') throw error;
  }
}

function cannotStart(error: Error): CairnError {
  return systemCode(error) === 'ENOENT' ? notFound() : failed(`rclone cannot be started: ${error.message}`, error);
}

function notFound(): CairnError {
  return new CairnError('COMMAND_FAILED', 'there is no program rclone on this machine', {
    hint: 'Install rclone (https://rclone.org), or name the program in CAIRN_RCLONE.',
  });
}

function failed(message: string, cause?: unknown): CairnError {
  return new CairnError('COMMAND_FAILED', message, {
    hint: 'Try `rclone lsd REMOTE:` by hand; rclone is set up with `rclone config` and its RCLONE_* variables.',
    cause,
  });
}
