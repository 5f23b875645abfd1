// Range requests of one range (RFC 9110 §14). Several ranges at once are answered with the whole object,
// which the RFC allows; no backup program asks for them.
import type { ObjectRange } from '../../storage/object-range.ts';

export type RangeAnswer =
  /** No range, or one that may be ignored. */
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly range: ObjectRange }
  | { readonly kind: 'unsatisfiable' };

/** What the header `Range` asks of an object of `sizeBytes`. */
export function parseRange(header: string | undefined, sizeBytes: number): RangeAnswer {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '');
  const [, first = '', last = ''] = match ?? [];
  if (match === null || (first === '' && last === '')) return { kind: 'whole' };
  // Without a first byte the number says how many of the last bytes are wanted.
  const start = first === '' ? Math.max(0, sizeBytes - Number(last)) : Number(first);
  const end = first === '' || last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  if (first !== '' && last !== '' && Number(last) < start) return { kind: 'whole' };
  if (start >= sizeBytes || end < start) return { kind: 'unsatisfiable' };
  return { kind: 'part', range: { offset: start, length: end - start + 1 } };
}
