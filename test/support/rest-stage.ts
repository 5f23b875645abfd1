// Our REST server over a storage in memory, and requests as a client may make them, good or bad.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '../../src/base/bytes.ts';
import { Accounts } from '../../src/server/rest/accounts.ts';
import type { RestServer, RestServerOptions } from '../../src/server/rest/rest-server.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { serveOurs } from './rest-serving.ts';

export const V2 = 'application/vnd.x.restic.rest.v2';
export const content: Uint8Array = utf8('some content');
/** Of `content`. */
export const id: string = createHash('sha256').update(content).digest('hex');
export const packName: string = `data/${id.slice(0, 2)}/${id}`;
/** An id of nothing. */
export const other: string = '0'.repeat(64);

/** A storage and its servers, which end when it is disposed. */
export class RestStage implements AsyncDisposable {
  readonly storage: Storage = openMemoryStorage();
  readonly #servers: RestServer[] = [];

  async start(options: Partial<RestServerOptions> = {}, on: Storage = this.storage): Promise<RestServer> {
    const server = await serveOurs(on, options);
    this.#servers.push(server);
    return server;
  }

  /** What is in the storage, in order. */
  async names(): Promise<string[]> {
    return (await Array.fromAsync(this.storage.list(''), ({ name }) => name)).toSorted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers.splice(0)) await server[Symbol.asyncDispose]();
  }
}

const hash = (name: string): string => createHash('sha1').update(`${name}-password`).digest('base64');

/** Users with SHA hashes, which cost no time. */
export async function shaUsers(...names: readonly string[]): Promise<Accounts> {
  const folder = await mkdtemp(join(tmpdir(), 'cairn-users-'));
  try {
    const file = join(folder, 'users');
    await writeFile(file, names.map((name) => `${name}:{SHA}${hash(name)}\n`).join(''));
    return await Accounts.open(file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

export const basic = (user: string, password = `${user}-password`): Record<string, string> => ({
  Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

export interface Got {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array | string;
}

/** Sends the path as it is: `fetch` would tidy it up. */
export async function ask(
  server: RestServer,
  path: string,
  { method = 'GET', headers = {}, body }: Ask = {},
): Promise<Got> {
  const { hostname, port } = new URL(server.url);
  const sent = request({ hostname, port, path, method, headers, agent: false });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks = await response.toArray();
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() };
}

export const statusOf = async (...args: Parameters<typeof ask>): Promise<number> => (await ask(...args)).status;

/** Sends bytes as they are and closes; returns what came back. */
export async function sendRaw(
  server: RestServer,
  bytes: string,
  { cut = false }: { readonly cut?: boolean } = {},
): Promise<string> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.write(bytes);
  if (cut) {
    // Long enough for the bytes to arrive; the test does not depend on it.
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.resetAndDestroy();
    return '';
  }
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => {});
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}
