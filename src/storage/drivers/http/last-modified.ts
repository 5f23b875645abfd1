import type { HttpResponse } from './http-exchange.ts';

/** When the server says that what it answers was written; it has whole seconds (RFC 9110, 8.8.2). */
export function lastModifiedOf({ headers }: HttpResponse): number | undefined {
  const time = Date.parse(headers['last-modified'] ?? '');
  return Number.isNaN(time) ? undefined : time;
}
