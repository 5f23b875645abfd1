import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { type Clock, msToNs, systemClock } from '../../base/clock.ts';
import { Semaphore } from '../../base/concurrency.ts';
import { CairnError, messageOf } from '../../base/errors.ts';
import { matchesHash, nobodysHash, parseHtpasswd, type PasswordHash } from './htpasswd.ts';

/** A verified password is taken for so long without computing its costly hash again. */
const REMEMBER_MS = 60_000;
/** How often at most the file is looked at for changes. */
const LOOK_MS = 5000;

export interface AccountsOptions {
  readonly clock?: Clock;
  /** Told when the file has been read again, and when that failed and the old users stay. */
  readonly onNotice?: (level: 'info' | 'warning', message: string) => void;
}

interface Verified {
  readonly proof: Uint8Array;
  readonly untilNs: bigint;
}

/** The users of an htpasswd file, which may change while the server runs. */
export class Accounts {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #notice: NonNullable<AccountsOptions['onNotice']>;
  /** Hashing takes the main thread: one at a time, so that requests in between are served. */
  readonly #hashing = new Semaphore(1);
  /** Proofs of passwords, not passwords: of use in this process only. */
  readonly #proofKey = randomBytes(32);
  readonly #verified = new Map<string, Verified>();
  #users: ReadonlyMap<string, PasswordHash> = new Map();
  #stamp = '';
  #lookedAtNs = 0n;

  private constructor(path: string, { clock = systemClock, onNotice = () => {} }: AccountsOptions) {
    this.#path = path;
    this.#clock = clock;
    this.#notice = onNotice;
  }

  /** Reads the file. Throws `CONFIG_INVALID` where it cannot be read or says something wrong. */
  static async open(path: string, options: AccountsOptions = {}): Promise<Accounts> {
    const accounts = new Accounts(path, options);
    await accounts.#load();
    return accounts;
  }

  /** Whether these credentials were verified a moment ago. Costs nothing. */
  remembers(user: string, password: Uint8Array): boolean {
    const known = this.#verified.get(user);
    if (known === undefined || known.untilNs < this.#clock.nowNs()) return false;
    return timingSafeEqual(known.proof, this.#proof(user, password));
  }

  /** Whether `user` has this password. Takes as long for a user that does not exist. */
  async verify(user: string, password: Uint8Array, signal: AbortSignal): Promise<boolean> {
    using _turn = await this.#hashing.acquire(signal);
    await this.#reloadIfChanged();
    // Where several requests came at once, the first one has done the work.
    if (this.remembers(user, password)) return true;
    const users = this.#users;
    const hash = users.get(user);
    const matches = await matchesHash(password, hash ?? nobodysHash(users));
    if (hash === undefined || !matches) return false;
    this.#verified.set(user, {
      proof: this.#proof(user, password),
      untilNs: this.#clock.nowNs() + msToNs(REMEMBER_MS),
    });
    return true;
  }

  /** Reads the file again; a file that is wrong leaves the users as they were. */
  async reload(): Promise<void> {
    try {
      await this.#load();
      this.#notice('info', `read ${this.#path} again`);
    } catch (error) {
      this.#notice('warning', `the users stay as they were: ${messageOf(error)}`);
    }
  }

  async #reloadIfChanged(): Promise<void> {
    const now = this.#clock.nowNs();
    if (now - this.#lookedAtNs < msToNs(LOOK_MS)) return;
    this.#lookedAtNs = now;
    const stamp = await stampOf(this.#path).catch(() => 'gone');
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    await this.reload();
  }

  async #load(): Promise<void> {
    let text: string;
    try {
      this.#stamp = await stampOf(this.#path);
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      throw new CairnError('CONFIG_INVALID', `cannot read the users: ${messageOf(error)}`, {
        hint: 'Make the file with `htpasswd -B -c FILE USER`, and let the user that runs the server read it.',
        cause: error,
      });
    }
    this.#users = parseHtpasswd(text, this.#path);
    // Whoever was removed or has a new password must not live on in memory.
    this.#verified.clear();
    this.#lookedAtNs = this.#clock.nowNs();
  }

  #proof(user: string, password: Uint8Array): Uint8Array {
    return createHmac('sha256', this.#proofKey).update(user).update('\0').update(password).digest();
  }
}

async function stampOf(path: string): Promise<string> {
  const { mtimeNs, size, ino } = await stat(path, { bigint: true });
  return `${mtimeNs} ${size} ${ino}`;
}
