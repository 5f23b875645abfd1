import { isIPv4 } from 'node:net';

/** `localhost` or an address of the loopback interface, with or without the brackets of a URL. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (isIPv4(bare)) return bare.startsWith('127.');
  return bare === '::1' || bare === 'localhost';
}
