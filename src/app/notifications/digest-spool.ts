// Outcomes that wait for the next digest, also across processes: one small file each, so that adding one needs no lock and
// nothing that was added can be lost by two who add at once. Only whoever sends takes a lock. Files are private (0600) and
// hold what a message would: redacted outcomes.
import { createHash, randomUUID } from 'node:crypto';
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { makeFolders } from '../../base/make-folders.ts';
import { z } from 'zod';
import { errorCodes } from '../../base/error-codes.ts';
import { systemCode } from '../../base/errors.ts';
import { utf8 } from '../../base/bytes.ts';
import { writeFileDurably } from '../../storage/drivers/durable-write.ts';
import { outcomeData } from './message-document.ts';
import type { NotificationMessage } from './notifier.ts';
import type { Outcome } from './outcome.ts';

export type DigestMessage = Extract<NotificationMessage, { readonly kind: 'digest' }>;

/** Outcomes of one message; of more, the newest are told and the others counted. */
const MOST_OUTCOMES = 500;
/** Longer than any delivery may take: the one who held the lock is gone. */
const STALE_LOCK_MS = 5 * 60_000;
const LOCK_NAME = 'sending.lock';

export class DigestSpool {
  readonly #folder: string;

  constructor(stateFolder: string, notifier: string) {
    // A name from a configuration is no file name; the hash keeps two that look alike apart.
    const hash = createHash('sha256').update(notifier).digest('hex').slice(0, 8);
    this.#folder = path.join(stateFolder, 'notifications', `${notifier.replace(/[^\w-]/gu, '_').slice(0, 40)}-${hash}`);
  }

  /** Keeps one outcome until a digest tells of it. */
  async add(outcome: Outcome): Promise<void> {
    await makeFolders(this.#folder, 0o700);
    const time = String(outcome.ended.getTime()).padStart(15, '0');
    const name = `${time}-${randomUUID()}.json`;
    await writeFileDurably({
      path: path.join(this.#folder, name),
      name,
      parts: [utf8(JSON.stringify(outcomeData(outcome)))],
      mode: 0o600,
      ifAbsent: false,
      durable: true,
      syncFolder: async () => {},
    });
  }

  /**
   * Sends what waits, if the oldest of it is `everyMs` old; what was sent waits no more. What `send` throws is thrown, and
   * then everything waits on. Where another process is sending right now, it does nothing.
   */
  async sendIfDue(everyMs: number, now: Date, send: (digest: DigestMessage) => Promise<void>): Promise<void> {
    if (!isDue(await this.#names(), everyMs, now)) return;
    await using lock = await this.#lock();
    if (lock === undefined) return;
    // Somebody else may have sent it meanwhile.
    const names = await this.#names();
    if (!isDue(names, everyMs, now)) return;
    const told = names.slice(-MOST_OUTCOMES);
    const outcomes: Outcome[] = [];
    for (const name of told) {
      const outcome = await this.#read(name);
      if (outcome !== undefined) outcomes.push(outcome);
    }
    const since = new Date(timeOf(names[0] ?? ''));
    await send({ kind: 'digest', outcomes, omitted: names.length - outcomes.length, since, until: now });
    // A crash before this tells it twice, which is better than never.
    for (const name of names) await rm(path.join(this.#folder, name), { force: true });
  }

  /** Oldest first. */
  async #names(): Promise<string[]> {
    try {
      const names = await readdir(this.#folder);
      return names.filter((name) => name.endsWith('.json')).sort();
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return [];
      throw error;
    }
  }

  /** `undefined` for what is no outcome any more: a damaged file must not stop all digests to come. */
  async #read(name: string): Promise<Outcome | undefined> {
    try {
      return parseOutcome(await readFile(path.join(this.#folder, name), 'utf8'));
    } catch {
      return undefined;
    }
  }

  async #lock(): Promise<AsyncDisposable | undefined> {
    const file = path.join(this.#folder, LOCK_NAME);
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        await (await open(file, 'wx', 0o600)).close();
        return { [Symbol.asyncDispose]: () => rm(file, { force: true }) };
      } catch (error) {
        if (systemCode(error) !== 'EEXIST') throw error;
        if (!(await isStale(file))) return undefined;
        // Where two processes find it stale, only one can rename it; at worst a message is sent twice.
        await rename(file, `${file}.${process.pid}`).catch(() => {});
        await rm(`${file}.${process.pid}`, { force: true });
      }
    }
    return undefined;
  }
}

async function isStale(file: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(file)).mtimeMs > STALE_LOCK_MS;
  } catch {
    // Released just now: the next attempt takes it.
    return true;
  }
}

function isDue(names: readonly string[], everyMs: number, now: Date): boolean {
  const [oldest] = names;
  return oldest !== undefined && now.getTime() - timeOf(oldest) >= everyMs;
}

function timeOf(name: string): number {
  return Number(name.split('-', 1)[0]);
}

const schema = z.object({
  action: z.string(),
  sessionId: z.string(),
  plan: z.string().nullable(),
  source: z.string().nullable(),
  vault: z.string(),
  host: z.string(),
  started: z.iso.datetime(),
  ended: z.iso.datetime(),
  status: z.enum(['ok', 'partial', 'failed']),
  summary: z.string(),
  backup: z.object({ id: z.string(), name: z.string() }).nullable(),
  bytes: z.number().nullable(),
  storedBytes: z.number().nullable(),
  problems: z.array(z.object({ path: z.string(), code: z.string(), message: z.string() })),
  problemCount: z.number(),
  error: z.object({ code: z.enum(errorCodes), message: z.string(), hint: z.string().nullable() }).nullable(),
});

function parseOutcome(text: string): Outcome {
  const { plan, source, backup, error, started, ended, ...rest } = schema.parse(JSON.parse(text));
  return {
    ...rest,
    started: new Date(started),
    ended: new Date(ended),
    ...(plan === null ? {} : { plan }),
    ...(source === null ? {} : { source }),
    ...(backup === null ? {} : { backup }),
    ...(error === null
      ? {}
      : { error: { code: error.code, message: error.message, ...(error.hint === null ? {} : { hint: error.hint }) } }),
  };
}
