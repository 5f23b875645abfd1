import type { BackupOptions } from '../../vault/actions/backup-action.ts';
import type { BackupSource } from '../../vault/actions/backup-source.ts';
import type { BackupRecord } from '../../vault/reference/backup-record.ts';
import type { Vault } from '../../vault/vault.ts';
import { BackupRun, runError } from './backup-run.ts';
import type { Authorize } from './bearer-token.ts';
import { runEvents } from './run-events.ts';

/** Runs that have ended and can still be asked about. */
const KEPT_RUNS = 100;
const LARGEST_BODY = 16 * 1024;
const DEFAULT_LIMIT = 100;
const HIGHEST_LIMIT = 1000;

export interface NamedSource {
  /** Made anew for each run, where it is a function. */
  readonly source: BackupSource | (() => BackupSource | Promise<BackupSource>);
  readonly options?: Omit<BackupOptions, 'name' | 'signal'> | undefined;
}

export interface BackupHandlerOptions {
  readonly vault: Vault;
  /** What may be backed up, by name; the backups have these names. A request can choose among them and say nothing else. */
  readonly sources: Readonly<Record<string, NamedSource>>;
  /** Asked about every request before anything else of it is looked at, such as `bearerToken(secret)`. */
  readonly authorize: Authorize;
  /** Where it is mounted, if the paths of requests have that in them: `/admin`. */
  readonly basePath?: string | undefined;
}

/**
 * Backups of an application over HTTP, as one function from `Request` to `Response` that every framework can mount:
 *
 * - `GET /backups`: the newest backups; `?name=` and `?limit=`
 * - `POST /backups` with `{"source": "main"}`: begins a backup; 202 with the run, or 409 with the one that is under way
 * - `GET /runs/ID`: how a run is or was; `GET /runs/ID/events`: its progress as server-sent events
 * - `DELETE /runs/ID`: stops a run
 *
 * ```ts
 * await using backups = createBackupHandler({ vault, sources: { main: { source: '/srv/data' } }, authorize: bearerToken(token) });
 * app.mount('/admin', (request) => backups.fetch(request));
 * ```
 */
export function createBackupHandler(options: BackupHandlerOptions): BackupHandler {
  return new BackupHandler(options);
}

/** Dispose it before the vault: runs are stopped and waited for. */
export class BackupHandler implements AsyncDisposable {
  readonly #options: BackupHandlerOptions;
  readonly #runs = new Map<string, BackupRun>();
  #isClosed = false;

  /** Made with `createBackupHandler`. */
  constructor(options: BackupHandlerOptions) {
    this.#options = options;
  }

  /** Answers one request. Never throws. */
  async fetch(request: Request): Promise<Response> {
    try {
      if (!(await this.#isAllowed(request))) return unauthorized();
      return await this.#route(request);
    } catch (error) {
      return problem(500, runError(error));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    const running = [...this.#runs.values()].filter(({ isRunning }) => isRunning);
    for (const run of running) run.abort();
    await Promise.all(running.map(({ ended }) => ended));
  }

  /** A check that fails lets nobody in. */
  async #isAllowed(request: Request): Promise<boolean> {
    try {
      return await this.#options.authorize(request);
    } catch {
      return false;
    }
  }

  async #route(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const { basePath = '' } = this.#options;
    if (!url.pathname.startsWith(`${basePath}/`)) return notFound();
    const [place, id, rest, ...more] = url.pathname.slice(basePath.length + 1).split('/');
    if (place === 'backups' && id === undefined) return this.#backups(request, url);
    if (place !== 'runs' || id === undefined || more.length > 0) return notFound();
    const run = this.#runs.get(id);
    if (run === undefined) return notFound();
    if (rest === undefined) return oneRun(request, run);
    return rest === 'events' && request.method === 'GET' ? runEvents(run, request.signal) : notFound();
  }

  #backups(request: Request, url: URL): Promise<Response> | Response {
    if (request.method === 'GET') return this.#list(url.searchParams, request.signal);
    if (request.method === 'POST') return this.#start(request);
    return notAllowed('GET, POST');
  }

  async #list(query: URLSearchParams, signal: AbortSignal): Promise<Response> {
    const name = query.get('name');
    const limit = Number(query.get('limit') ?? DEFAULT_LIMIT);
    if (!Number.isInteger(limit) || limit < 1 || limit > HIGHEST_LIMIT) {
      return invalid(`limit is a number from 1 to ${HIGHEST_LIMIT}`);
    }
    const all: BackupRecord[] = [];
    for await (const record of this.#options.vault.list({ ...(name === null ? {} : { name }), signal }))
      all.push(record);
    return Response.json({ backups: all.reverse().slice(0, limit), total: all.length }, { headers: noStore });
  }

  async #start(request: Request): Promise<Response> {
    const asked = await readSource(request);
    if (asked.kind === 'refused') return asked.response;
    const { sources, vault } = this.#options;
    const chosen = Object.hasOwn(sources, asked.source) ? sources[asked.source] : undefined;
    if (chosen === undefined)
      return problem(404, { code: 'REF_UNKNOWN', message: 'no source has this name', hint: null });
    if (this.#isClosed) return problem(503, { code: 'ABORTED', message: 'this server is going down', hint: null });
    const running = this.#runningOf(asked.source);
    if (running !== undefined) return Response.json({ run: running.document }, { status: 409, headers: noStore });
    const source = typeof chosen.source === 'function' ? await chosen.source() : chosen.source;
    // Asked again: making the source took time.
    const meanwhile = this.#runningOf(asked.source);
    if (meanwhile !== undefined) return Response.json({ run: meanwhile.document }, { status: 409, headers: noStore });
    const run = new BackupRun(asked.source, vault.backup(source, { ...chosen.options, name: asked.source }));
    this.#keep(run);
    const headers = { ...noStore, location: `runs/${run.id}` };
    return Response.json({ run: run.document }, { status: 202, headers });
  }

  #runningOf(source: string): BackupRun | undefined {
    return [...this.#runs.values()].find((run) => run.source === source && run.isRunning);
  }

  #keep(run: BackupRun): void {
    this.#runs.set(run.id, run);
    const ended = [...this.#runs.values()].filter(({ isRunning }) => !isRunning);
    for (const { id } of ended.slice(0, Math.max(0, ended.length - KEPT_RUNS))) this.#runs.delete(id);
  }
}

const noStore = { 'cache-control': 'no-store' };

function oneRun(request: Request, run: BackupRun): Response {
  if (request.method === 'DELETE') run.abort();
  else if (request.method !== 'GET') return notAllowed('GET, DELETE');
  const status = request.method === 'DELETE' ? 202 : 200;
  return Response.json({ run: run.document }, { status, headers: noStore });
}

type AskedSource =
  | { readonly kind: 'source'; readonly source: string }
  | { readonly kind: 'refused'; readonly response: Response };

function refused(response: Response): AskedSource {
  return { kind: 'refused', response };
}

async function readSource(request: Request): Promise<AskedSource> {
  // A page of another site cannot send this type without asking first.
  if (!/^application\/json\b/iu.test(request.headers.get('content-type') ?? '')) {
    return refused(
      problem(415, { code: 'ARGUMENT_INVALID', message: 'the body has to be application/json', hint: null }),
    );
  }
  const text = await readText(request);
  if (text === undefined) {
    return refused(problem(413, { code: 'ARGUMENT_INVALID', message: 'the body is too large', hint: null }));
  }
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && 'source' in body && typeof body.source === 'string') {
      return { kind: 'source', source: body.source };
    }
  } catch {
    // Said below.
  }
  return refused(invalid('the body has to be {"source": NAME}'));
}

/** The body, or `undefined` where it is too large; no more of it is read then. */
async function readText(request: Request): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of request.body ?? []) {
    sizeBytes += chunk.length;
    if (sizeBytes > LARGEST_BODY) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** RFC 9457. */
function problem(status: number, { code, message, hint }: ReturnType<typeof runError>): Response {
  const body = { type: 'about:blank', status, title: message, code, ...(hint === null ? {} : { hint }) };
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...noStore, 'content-type': 'application/problem+json' },
  });
}

function invalid(message: string): Response {
  return problem(400, { code: 'ARGUMENT_INVALID', message, hint: null });
}

function notFound(): Response {
  return problem(404, { code: 'PATH_NOT_FOUND', message: 'there is nothing here', hint: null });
}

function notAllowed(allow: string): Response {
  return new Response(null, { status: 405, headers: { allow } });
}

function unauthorized(): Response {
  return new Response(null, { status: 401, headers: { ...noStore, 'www-authenticate': 'Bearer' } });
}
