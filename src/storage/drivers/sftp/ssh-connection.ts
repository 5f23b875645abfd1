import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client } from 'ssh2';
import { CairnError, isCairnError } from '../../../base/errors.ts';
import { answerWithin, SilentServer } from './answer-within.ts';
import { gatherWrites } from './gather-writes.ts';
import { loadHostKeyCheck } from './host-key-check.ts';
import { type ProxyProcess, startProxyCommand } from './proxy-command.ts';
import { connectFailure, connectionLost } from './sftp-errors.ts';
import { type SessionMaker, SftpSession, silentServer } from './sftp-session.ts';
import type { SshAlgorithms } from './ssh-algorithms.ts';
import { prepareLogin } from './ssh-login.ts';
import { loadSshSettings, type SshEnvironment, type SshSettings } from './ssh-settings.ts';
import type { SftpLocation } from './sftp-location.ts';
import { loadSsh2 } from './ssh2.ts';

const PING_MS = 15_000;
// Counted by what arrives, not by answers to pings: behind megabytes in flight on a slow line those take minutes.
const SILENT_MS = 90_000;
/** What a server may take for one request: an fsync of a busy disk is among them. */
const ANSWER_MS = 300_000;
const MOST_HOPS = 8;

/** Of ssh2's client, what a connection uses once it is logged in. */
export interface LoggedInClient extends SessionMaker {
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
  once(event: 'close', listener: () => void): unknown;
  end(): unknown;
}

export interface SshLimits {
  /** Until a session is open. */
  readonly openMs: number;
  /** How often is looked after what stalls, and how long a session may leave its requests without any answer. */
  readonly pingMs?: number | undefined;
  readonly answerMs?: number | undefined;
}

/**
 * A connection that is logged in. It is given up when nothing arrives any more, and a session when the program behind
 * it answers no request: the rest of the connection may be well, so that nothing else would notice.
 */
export class SshConnection implements AsyncDisposable {
  /** The server, for messages. */
  readonly where: string;
  readonly #client: LoggedInClient;
  readonly #carrier: Carrier;
  readonly #limits: SshLimits;
  readonly #watchdog: NodeJS.Timeout;
  readonly #closed: Promise<void>;
  readonly #sessions = new Set<SftpSession>();
  #lost: CairnError | undefined;

  constructor(client: LoggedInClient, carrier: Carrier, where: string, limits: SshLimits) {
    this.where = where;
    this.#client = client;
    this.#carrier = carrier;
    this.#limits = limits;
    this.#closed = new Promise((resolve) => {
      client.once('close', () => resolve());
    });
    client.on('error', (error) => this.#lose(error));
    client.on('close', () => this.#lose(undefined));
    let silentMs = 0;
    carrier.stream.on('data', () => {
      silentMs = 0;
    });
    const { pingMs = PING_MS } = limits;
    this.#watchdog = setInterval(() => {
      silentMs += pingMs;
      if (silentMs < SILENT_MS) return this.#giveUpSilent(pingMs);
      this.#lose(new Error(`the server has been silent for ${SILENT_MS / 1000} seconds`));
      carrier.stream.destroy();
    }, pingMs);
    this.#watchdog.unref();
  }

  /** Why the connection is of no use any more; `undefined` while it is. */
  get lost(): CairnError | undefined {
    return this.#lost;
  }

  /** Starts an SFTP session. Throws where the server allows no more of them, or has no SFTP. */
  async openSession(): Promise<SftpSession> {
    if (this.#lost !== undefined) throw this.#lost;
    const session = await SftpSession.open(this.#client, this.where, this.#limits.openMs).catch((error: unknown) => {
      // The end of the connection is no refusal of a session: another connection is worth a try.
      throw this.#lost ?? error;
    });
    // Lost while it was being opened: whoever opened it will be told at its first request.
    if (this.#lost !== undefined) session.lose(this.#lost);
    this.#sessions.add(session);
    return session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lose(undefined);
    this.#client.end();
    // A server that does not close its side must not hold up the program.
    const patience = setTimeout(() => this.#carrier.stream.destroy(), 1000);
    await this.#closed;
    clearTimeout(patience);
    await this.#carrier.end();
  }

  #giveUpSilent(passedMs: number): void {
    for (const session of this.#sessions) session.wait(passedMs);
    const { answerMs = ANSWER_MS } = this.#limits;
    for (const session of silentSessions([...this.#sessions], answerMs)) {
      this.#sessions.delete(session);
      session.lose(silentServer(this.where, new SilentServer(session.silentMs)));
      session.close();
    }
  }

  #lose(cause: unknown): void {
    if (this.#lost !== undefined) return;
    this.#lost = connectionLost(this.where, cause);
    clearInterval(this.#watchdog);
    for (const session of this.#sessions) session.lose(this.#lost);
    this.#sessions.clear();
  }
}

/**
 * The sessions whose server does not go on. While others get answers, what is silent may have to wait for megabytes of
 * theirs on a slow line, so it is given more time.
 */
export function silentSessions<S extends { readonly silentMs: number }>(sessions: readonly S[], answerMs: number): S[] {
  const waiting = sessions.filter((session) => session.silentMs > 0);
  const limitMs = waiting.every(({ silentMs }) => silentMs >= answerMs) ? answerMs : 4 * answerMs;
  return waiting.filter(({ silentMs }) => silentMs >= limitMs);
}

/** What carries the bytes of a connection: a socket, a program, or a channel of another connection. */
interface Carrier {
  readonly stream: Duplex;
  complaint(): string;
  end(): Promise<void>;
}

/** Connects to the server of `location` and logs in. */
export async function connectSsh(
  location: SftpLocation,
  environment: SshEnvironment,
  signal: AbortSignal,
  hops = 0,
): Promise<SshConnection> {
  const settings = await loadSshSettings(location, environment, signal);
  const where = `${settings.user}@${settings.host}:${settings.port}`;
  if (hops > MOST_HOPS) {
    throw new CairnError('CONFIG_INVALID', `the ProxyJump of ${settings.host} leads in circles`, {
      hint: 'Correct ProxyJump in the SSH configuration.',
    });
  }
  const carrier = await openCarrier(settings, environment, signal, hops);
  try {
    const client = await logInClient(settings, carrier, where, signal);
    const limits = { openMs: settings.connectTimeoutMs, ...environment.patience };
    return new SshConnection(client, carrier, where, limits);
  } catch (error) {
    carrier.stream.destroy();
    await carrier.end();
    signal.throwIfAborted();
    throw isCairnError(error) ? error : connectFailure(where, error, carrier.complaint());
  }
}

async function openCarrier(
  settings: SshSettings,
  environment: SshEnvironment,
  signal: AbortSignal,
  hops: number,
): Promise<Carrier> {
  const { proxy, host, port, family } = settings;
  switch (proxy.kind) {
    case 'none':
      return ofStream(gatherWrites(connectTcp({ host, port, family, noDelay: true, keepAlive: true })));
    case 'command':
      return ofProcess(startProxyCommand(proxy.command, environment.env));
    case 'jump':
      return openJump(proxy.hops, settings, environment, signal, hops);
    default:
      return proxy satisfies never;
  }
}

function ofStream(stream: Duplex): Carrier {
  return { stream, complaint: () => '', end: async () => {} };
}

function ofProcess(proxy: ProxyProcess): Carrier {
  return { stream: proxy.stream, complaint: () => proxy.complaint(), end: () => proxy.end() };
}

/** A channel through the last hop, which is itself reached through the ones before it. */
async function openJump(
  list: readonly SftpLocation[],
  { host, port }: Pick<SshSettings, 'host' | 'port'>,
  environment: SshEnvironment,
  signal: AbortSignal,
  hops: number,
): Promise<Carrier> {
  const last = list.at(-1);
  if (last === undefined) throw new CairnError('CONFIG_INVALID', 'ProxyJump names no host');
  const before = list.slice(0, -1);
  const settings = await loadSshSettings(last, environment, signal);
  const where = `${settings.user}@${settings.host}:${settings.port}`;
  const carrier =
    before.length > 0
      ? await openJump(before, settings, environment, signal, hops + 1)
      : await openCarrier(settings, environment, signal, hops + 1);
  const client = await logInClient(settings, carrier, where, signal).catch(async (error: unknown) => {
    carrier.stream.destroy();
    await carrier.end();
    throw isCairnError(error) ? error : connectFailure(where, error, carrier.complaint());
  });
  client.on('error', () => {});
  const stream = await answerWithin<Duplex>((done) => void client.forwardOut('127.0.0.1', 0, host, port, done), {
    limitMs: settings.connectTimeoutMs,
    signal,
    late: (channel) => channel.destroy(),
  }).catch((error: unknown) => {
    client.end();
    signal.throwIfAborted();
    throw connectFailure(`${host}:${port} (through ${settings.host})`, error, '');
  });
  return { stream, complaint: () => '', end: async () => void client.end() };
}

/** ssh2 takes no undefined ones. */
function definedOf({ cipher, kex, hmac }: SshAlgorithms): object {
  return { cipher, ...(kex === undefined ? {} : { kex }), ...(hmac === undefined ? {} : { hmac }) };
}

async function logInClient(
  settings: SshSettings,
  carrier: Carrier,
  where: string,
  signal: AbortSignal,
): Promise<Client> {
  // Before anything is awaited: a refused connection must find a listener.
  const early = Promise.withResolvers<never>();
  early.promise.catch(() => {});
  carrier.stream.once('error', early.reject);
  const prepare = async () => {
    const ssh2 = await loadSsh2();
    const check = await loadHostKeyCheck(settings.hostKey, signal);
    const attempt = await prepareLogin(ssh2, settings.user, settings.login, signal);
    return { client: new ssh2.Client(), check, attempt };
  };
  const { client, check, attempt } = await Promise.race([prepare(), early.promise]);
  let refusal: CairnError | undefined;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  client.on('ready', resolve);
  client.on('close', () => reject(new Error('the server closed the connection')));
  client.on('error', (error) => {
    // One key of an agent that cannot sign is not the end; others follow.
    if (error.level === 'agent') return;
    const isLogin = error.level === 'client-authentication' || /authentication failures/i.test(error.message);
    reject(refusal ?? (isLogin ? attempt.failure(where, error) : error));
  });
  client.connect({
    sock: carrier.stream,
    username: settings.user,
    readyTimeout: settings.connectTimeoutMs,
    keepaliveInterval: PING_MS,
    // Never: the watchdog decides.
    keepaliveCountMax: Number.MAX_SAFE_INTEGER,
    // ssh2 declares the names that it knows; these are of that very list.
    algorithms: { serverHostKey: check.algorithms, ...definedOf(settings.algorithms) } as never,
    hostVerifier: (key: Buffer) => {
      refusal = check.refuse(key);
      return refusal === undefined;
    },
    authHandler: attempt.handler,
  });
  try {
    signal.throwIfAborted();
    await promise;
    return client;
  } catch (error) {
    client.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
