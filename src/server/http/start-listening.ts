import { chmod, lstat, unlink } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { connect } from 'node:net';
import { CairnError, messageOf, systemCode } from '../../base/errors.ts';
import { type ListenAddress, urlHost } from './listen-address.ts';

export interface TlsIdentity {
  /** PEM, the certificate and what leads to its authority. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

/** Resolves once it listens; a Unix socket is for its owner only. Throws `CONFIG_INVALID`. */
export async function startListening(server: Server | TlsServer, listen: ListenAddress): Promise<void> {
  if (listen.kind === 'unix') await removeDeadSocket(listen.path);
  try {
    await listening(server, listen);
  } catch (error) {
    throw cannotListen(listen, error);
  }
  if (listen.kind === 'unix') await chmod(listen.path, 0o600);
}

/** A server with limits against slow and huge requests; it listens to nothing yet. */
export function makeHttpServer(tls: TlsIdentity | undefined): Server | TlsServer {
  const limits = {
    // Who sends headers drop by drop holds a connection only.
    headersTimeout: 20_000,
    connectionsCheckingInterval: 5000,
    maxHeaderSize: 16 * 1024,
    // Longer than programs keep idle connections, so that none is closed under a request.
    keepAliveTimeout: 90_000,
    // Bodies have limits of their own: a pack over a slow line takes longer than any total would allow.
    requestTimeout: 0,
  };
  const server =
    tls === undefined
      ? createServer(limits)
      : createTlsServer({ ...limits, ...tls, minVersion: 'TLSv1.2', handshakeTimeout: 20_000 });
  server.maxConnections = 1024;
  return server;
}

function listening(server: Server | TlsServer, listen: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const done = (): void => {
      server.off('error', reject);
      resolve();
    };
    if (listen.kind === 'unix') server.listen(listen.path, done);
    else server.listen(listen.port, listen.host, done);
  });
}

/** What a server that was killed left behind. One that answers stays, and listening then fails. */
async function removeDeadSocket(path: string): Promise<void> {
  const status = await lstat(path).catch(() => undefined);
  if (status?.isSocket() !== true) return;
  const isAlive = await new Promise<boolean>((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => resolve(systemCode(error) !== 'ECONNREFUSED'));
  });
  if (!isAlive) await unlink(path).catch(() => {});
}

function cannotListen(listen: ListenAddress, cause: unknown): CairnError {
  const where = listen.kind === 'unix' ? listen.path : `${urlHost(listen.host)}:${listen.port}`;
  const isTaken = systemCode(cause) === 'EADDRINUSE';
  return new CairnError(
    'CONFIG_INVALID',
    `cannot listen on ${where}: ${isTaken ? 'something else does' : messageOf(cause)}`,
    {
      hint: 'Choose another address with --listen; ports below 1024 are for root.',
      cause,
    },
  );
}
