// What the commands that serve have in common: certificates, events, and how long they run.
import { readFile } from 'node:fs/promises';
import { CairnError, messageOf } from '../base/errors.ts';
import type { HttpListener } from '../server/http/http-listener.ts';
import type { TlsIdentity } from '../server/http/start-listening.ts';
import type { ServerEvent } from '../server/http/server-event.ts';
import type { RestSettings } from '../server/rest/rest-settings.ts';
import type { CliContext } from './context.ts';
import { formatBytes } from './output/format.ts';
import { printable } from './output/printable.ts';

export async function loadTls(tls: RestSettings['tls']): Promise<TlsIdentity | undefined> {
  if (tls === undefined) return undefined;
  return { cert: await readPem(tls.cert, '--tls-cert'), key: await readPem(tls.key, '--tls-key') };
}

async function readPem(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new CairnError('CONFIG_INVALID', `cannot read the file of ${what}: ${messageOf(error)}`, { cause: error });
  }
}

/** The certificate as its files are now; one that cannot be read leaves the server with what it has. */
export async function renewTls(cli: CliContext, server: HttpListener, tls: RestSettings['tls']): Promise<void> {
  try {
    const identity = await loadTls(tls);
    if (identity !== undefined) server.renewTls(identity);
  } catch (error) {
    cli.warn(`the certificate stays as it was: ${messageOf(error)}`);
  }
}

/** SIGHUP: read again what may have changed. */
export function onHangup(run: () => Promise<void>): Disposable {
  const listener = (): void => void run();
  process.on('SIGHUP', listener);
  return { [Symbol.dispose]: () => void process.off('SIGHUP', listener) };
}

/** Requests as JSON lines with `--json`, for people with `--verbose`; failures in any case. */
export function eventPrinter(cli: CliContext): (event: ServerEvent) => void {
  if (cli.options.json) return (event) => void printLine(cli, jsonEvent(event));
  return (event) => {
    switch (event.type) {
      case 'request':
        cli.detail(requestLine(event));
        return;
      case 'failure':
        cli.warn(`${event.method} ${event.path}: ${messageOf(event.error)}`);
        return;
      case 'notice':
        if (event.level === 'warning') cli.warn(event.message);
        else cli.info(event.message);
        return;
      default:
        event satisfies never;
    }
  };
}

/** One JSON document on each line, since a server has no last one to close an array after. */
export async function printLine(cli: CliContext, document: unknown): Promise<void> {
  await cli.out.write(`${JSON.stringify(document)}\n`);
}

function jsonEvent(event: ServerEvent): unknown {
  const time = new Date().toISOString();
  if (event.type === 'failure') return { ...event, time, error: messageOf(event.error) };
  return event.type === 'request' ? { ...event, time, durationMs: Math.round(event.durationMs) } : { ...event, time };
}

function requestLine(event: Extract<ServerEvent, { type: 'request' }>): string {
  const { address, user = '-', method, path, status, receivedBytes, sentBytes, durationMs } = event;
  const bytes = formatBytes(receivedBytes + sentBytes);
  return printable(`${address} ${user} ${method} ${path} ${status || 'cut off'} ${bytes} ${Math.round(durationMs)} ms`);
}

/** Resolves when the program is to end. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
