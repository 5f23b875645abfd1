import { orAbort } from '../../../base/or-abort.ts';
import { CairnError, hasCode } from '../../../base/errors.ts';
import type { SftpSession } from './sftp-session.ts';
import type { SshConnection } from './ssh-connection.ts';

export interface SftpPoolOptions {
  /** Sessions at most. */
  readonly sessions: number;
  readonly connect: (signal: AbortSignal) => Promise<SshConnection>;
}

/**
 * One connection with several SFTP sessions. A server works through the requests of a session one after the
 * other, so that an fsync in one would hold up reads in the same. Connects at the first use, and again when
 * the connection has been lost.
 */
export class SftpPool implements AsyncDisposable {
  readonly #options: SftpPoolOptions;
  readonly #stop = new AbortController();
  readonly #sessions = new Map<SftpSession, number>();
  #connection: Promise<SshConnection> | undefined;
  #opening: Promise<SftpSession> | undefined;
  /** Fewer than asked for where the server allows no more (`MaxSessions` of sshd). */
  #limit: number;

  constructor(options: SftpPoolOptions) {
    this.#options = options;
    this.#limit = options.sessions;
  }

  /** Runs `work` with the session that has least to do. */
  async use<T>(signal: AbortSignal | undefined, work: (session: SftpSession) => Promise<T>): Promise<T> {
    const session = await this.#choose(signal);
    this.#sessions.set(session, (this.#sessions.get(session) ?? 0) + 1);
    try {
      return await work(session);
    } finally {
      const count = this.#sessions.get(session);
      if (count !== undefined) this.#sessions.set(session, count - 1);
    }
  }

  /** A session that is open already, to tidy up with; connects for nothing. */
  idle(): SftpSession | undefined {
    return this.#leastBusy()?.session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(closed());
    const connection = await this.#connection?.catch(() => undefined);
    this.#connection = undefined;
    await connection?.[Symbol.asyncDispose]();
  }

  async #choose(signal: AbortSignal | undefined): Promise<SftpSession> {
    for (;;) {
      signal?.throwIfAborted();
      this.#stop.signal.throwIfAborted();
      const best = this.#leastBusy();
      if (best !== undefined && (best.uses === 0 || this.#sessions.size >= this.#limit)) return best.session;
      // Several may wait for one that is being opened; each then looks again.
      this.#opening ??= this.#open().finally(() => {
        this.#opening = undefined;
      });
      const opened = await orAbort(this.#opening, signal).catch((error: unknown) => this.#settleFor(error));
      if (opened !== undefined && this.#sessions.get(opened) === 0) return opened;
    }
  }

  /** Goes on with the sessions there are, if any, when the server gives no more; throws `error` otherwise. */
  #settleFor(error: unknown): undefined {
    const isRefusal = hasCode(error, 'STORAGE_UNREACHABLE') && error.retry === 'never';
    if (!isRefusal || this.#leastBusy() === undefined) throw error;
    this.#limit = this.#sessions.size;
    return undefined;
  }

  #leastBusy(): { session: SftpSession; uses: number } | undefined {
    let best: { session: SftpSession; uses: number } | undefined;
    for (const [session, uses] of this.#sessions) {
      if (session.lost !== undefined) this.#sessions.delete(session);
      else if (best === undefined || uses < best.uses) best = { session, uses };
    }
    return best;
  }

  async #open(): Promise<SftpSession> {
    const connection = await this.#connected();
    const session = await connection.openSession();
    this.#sessions.set(session, 0);
    return session;
  }

  async #connected(): Promise<SshConnection> {
    const current = await this.#connection?.catch(() => undefined);
    if (current !== undefined && current.lost === undefined) return current;
    await current?.[Symbol.asyncDispose]();
    this.#limit = this.#options.sessions;
    this.#connection = this.#options.connect(this.#stop.signal);
    return this.#connection;
  }
}

function closed(): CairnError {
  return new CairnError('INTERNAL', 'the storage has been closed');
}
