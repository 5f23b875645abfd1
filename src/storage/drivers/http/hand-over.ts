import type { ObjectRange } from '../../object-range.ts';
import type { OnBytes } from '../../storage.ts';
import { parseContentRange } from './content-range.ts';
import type { HttpRequest } from './http-exchange.ts';

/**
 * Lets `onBytes` take the answer to a request for a range, where its head says that it is that range and nothing else. Any other
 * answer is for the driver to make sense of.
 */
export function handOver(onBytes: OnBytes | undefined, { offset, length }: ObjectRange): HttpRequest['divert'] {
  if (onBytes === undefined) return undefined;
  return ({ status, headers }) => {
    // gofakes3 says 200 with a range.
    if (status !== 206 && status !== 200) return undefined;
    const sent = parseContentRange(headers['content-range']);
    const isAsked = sent?.start === offset && sent.end === offset + length;
    if (!isAsked || headers['content-length'] !== String(length)) return undefined;
    return (bytes, position) => onBytes(bytes, offset + position);
  };
}
