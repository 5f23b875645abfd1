import { type ChildProcess, fork } from 'node:child_process';
import { CairnError, messageOf } from '../../base/errors.ts';
import { packageFile, runsFromSource } from '../../base/package-files.ts';
import { translateError } from '../open-database.ts';
import type { QueryAnswer, QueryRequest, QueryTable, QueryValue } from './query-message.ts';
import { positionOf } from './sql-text.ts';

export interface QueryOptions {
  /** 30 seconds by default. */
  readonly timeoutMs?: number | undefined;
  /** 100,000 by default. */
  readonly maxRows?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_ROWS = 100_000;
/** Largest result; it is in memory twice for an instant. */
const MAX_BYTES = 256 * 1024 * 1024;

/**
 * Runs queries on a catalog, one after the other, in a process of their own: it starts with the first query, stays for
 * the next ones, and is ended with a query that takes too long or is not wanted any more. SQLite gives Node no other way
 * to stop one, and in this process it would hold up everything else.
 */
export class QueryProcess implements AsyncDisposable {
  readonly #file: string;
  #child: ChildProcess | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(file: string) {
    this.#file = file;
  }

  /** Throws `QUERY_INVALID`, `QUERY_LIMIT`, and what is wrong with the file. */
  async run(sql: string, parameters: readonly QueryValue[], options: QueryOptions = {}): Promise<QueryTable> {
    const run = this.#last.then(() => this.#run(sql, parameters, options));
    this.#last = run.catch(() => {});
    return await run;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    await this.#end();
  }

  async #run(sql: string, parameters: readonly QueryValue[], options: QueryOptions): Promise<QueryTable> {
    const { signal, timeoutMs = DEFAULT_TIMEOUT_MS, maxRows = DEFAULT_MAX_ROWS } = options;
    signal?.throwIfAborted();
    const deadline = AbortSignal.timeout(timeoutMs);
    const stop = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
    try {
      const request: QueryRequest = { file: this.#file, sql, parameters, maxRows, maxBytes: MAX_BYTES };
      return tableOf(await this.#ask(request, stop), sql, this.#file);
    } catch (error) {
      if (!stop.aborted) throw error;
      await this.#end();
      signal?.throwIfAborted();
      throw limitError(`takes longer than ${timeoutMs / 1000} s`);
    }
  }

  #ask(request: QueryRequest, signal: AbortSignal): Promise<QueryAnswer> {
    const child = this.#start();
    const { promise, resolve, reject } = Promise.withResolvers<QueryAnswer>();
    // SAFETY: the child is ours, and sends nothing else.
    const onMessage = (answer: unknown): void => resolve(answer as QueryAnswer);
    const onExit = (code: number | null, ended: string | null): void => {
      this.#child = undefined;
      reject(new CairnError('INTERNAL', `the process that runs queries ended (${ended ?? `exit code ${code}`})`));
    };
    const onError = (error: Error): void => {
      this.#child = undefined;
      reject(new CairnError('INTERNAL', `the process that runs queries failed: ${messageOf(error)}`, { cause: error }));
    };
    const onAbort = (): void => reject(signal.reason);
    child.once('message', onMessage).once('exit', onExit).once('error', onError);
    signal.addEventListener('abort', onAbort, { once: true });
    // While it is asked it keeps this process alive, and between queries it does not.
    child.ref();
    child.channel?.ref();
    child.send(request);
    return promise.finally(() => {
      child.off('message', onMessage).off('exit', onExit).off('error', onError);
      signal.removeEventListener('abort', onAbort);
      child.unref();
      child.channel?.unref();
    });
  }

  #start(): ChildProcess {
    if (this.#child?.connected === true) return this.#child;
    const module = runsFromSource ? 'catalog/query/worker-main.ts' : 'bundle/catalog-query-worker-main.js';
    const child = fork(packageFile(module), {
      serialization: 'advanced',
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    // Without a listener a late failure, such as a message that finds nobody, would end this process.
    child.on('error', () => {});
    this.#child = child;
    return child;
  }

  async #end(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.ref();
    // It has the file open for reading only, so nothing can be cut off half way.
    child.kill('SIGKILL');
    await gone;
  }
}

function tableOf(answer: QueryAnswer, sql: string, file: string): QueryTable {
  switch (answer.kind) {
    case 'table':
      return answer.table;
    case 'invalid':
      throw invalidQuery(sql, answer.message, answer.offset);
    case 'too-much':
      throw limitError(answer.what);
    case 'failed':
      throw translateError(Object.assign(new Error(answer.message), { errcode: answer.errcode ?? 1 }), file);
    default:
      return answer satisfies never;
  }
}

function invalidQuery(sql: string, message: string, offset: number | null): CairnError {
  const place = offset === null ? undefined : positionOf(sql, offset);
  const where = place === undefined ? '' : ` (line ${place.line}, column ${place.column})`;
  return new CairnError('QUERY_INVALID', `the query cannot be run: ${message}${where}`, {
    hint: 'The tables and their columns are in docs/guides/catalog.md; nothing but reading is possible here.',
    facts: place === undefined ? {} : { line: place.line, column: place.column },
  });
}

function limitError(what: string): CairnError {
  return new CairnError('QUERY_LIMIT', `the query was stopped: it ${what}`, {
    hint: 'Narrow it with WHERE or LIMIT, or raise the limit (--timeout, --max-rows).',
  });
}
