import { isIP, isIPv6 } from 'node:net';
import { CairnError } from '../../base/errors.ts';
import { isLoopbackHost } from '../../base/loopback-host.ts';

/** Where a server listens. */
export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/**
 * Parses `HOST:PORT`, `:PORT` (this machine only), `[IPV6]:PORT` or `unix:/PATH`. All addresses are asked for
 * by name (`0.0.0.0:8000`), never by leaving something out. Throws `USAGE`.
 */
export function parseListenAddress(text: string): ListenAddress {
  if (text.startsWith('unix:')) return unixAddress(text.slice('unix:'.length));
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const bracketed = match?.[1];
  if (match === null || port > 65_535 || (bracketed !== undefined && !isIPv6(bracketed))) throw invalid(text);
  const host = bracketed ?? match[2] ?? '';
  return { kind: 'tcp', host: host === '' ? '127.0.0.1' : host, port };
}

function unixAddress(path: string): ListenAddress {
  // 108 bytes is what Linux has room for, the end mark included.
  if (!path.startsWith('/') || Buffer.byteLength(path) > 107) throw invalid(`unix:${path}`);
  return { kind: 'unix', path };
}

function invalid(text: string): CairnError {
  return new CairnError('USAGE', `not an address to listen on: ${JSON.stringify(text.slice(0, 120))}`, {
    hint: 'Write HOST:PORT such as 127.0.0.1:8000, [::1]:8000, 0.0.0.0:8000 for every network, or unix:/run/cairn.sock.',
  });
}

/** Whether only this machine can reach it. */
export function isLocalAddress(address: ListenAddress): boolean {
  return address.kind === 'unix' || isLoopbackHost(address.host);
}

/** The host as it stands in a URL. */
export function urlHost(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}
