import { CairnError } from '../../../base/errors.ts';
import { resolveRange, truncated } from '../../object-range.ts';
import type { ObjectName, ReadOptions } from '../../storage.ts';
import type { HttpResponse } from '../http/http-exchange.ts';

/** How a range is asked for. `empty`: it has no bytes, or is none at all; the size decides. */
export type RangeRequest =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly header: string }
  | { readonly kind: 'empty' };

export function rangeHeader({ offset = 0, length }: ReadOptions): RangeRequest {
  const isSound = Number.isSafeInteger(offset) && offset >= 0;
  if (!isSound || (length !== undefined && !(Number.isSafeInteger(length) && length > 0))) return { kind: 'empty' };
  if (length === undefined) return offset === 0 ? { kind: 'whole' } : { kind: 'part', header: `bytes=${offset}-` };
  return { kind: 'part', header: `bytes=${offset}-${offset + length - 1}` };
}

/** The size that a header `Content-Range` tells, also that of an answer 416. */
export function contentRangeSize(header: string | undefined): number | undefined {
  const size = /^bytes (?:\d+-\d+|\*)\/(\d+)$/.exec(header ?? '')?.[1];
  return size === undefined ? undefined : Number(size);
}

/** The bytes wanted, of an answer with them or, from servers that know no ranges, with all. */
export function takeRange(
  name: ObjectName,
  { status, headers, body }: HttpResponse,
  options: ReadOptions,
): Uint8Array<ArrayBuffer> {
  if (status === 200) {
    const { offset, length } = resolveRange(name, body.length, options);
    return length === body.length ? body : body.slice(offset, offset + length);
  }
  const { offset = 0, length } = options;
  const contentRange = headers['content-range'];
  const size = contentRangeSize(contentRange);
  // rclone answers what lies outside with nothing, or with what there is.
  if (size !== undefined) resolveRange(name, size, options);
  const start = Number(/^bytes (\d+)-/.exec(contentRange ?? '')?.[1] ?? Number.NaN);
  if (start !== offset || (length !== undefined && body.length > length)) throw otherRange(name);
  if (length !== undefined && body.length < length) {
    throw truncated(name, size ?? offset + body.length, { offset, length });
  }
  // To the end was wanted: is this the end?
  if (length === undefined && size !== undefined && offset + body.length !== size) throw otherRange(name);
  return body;
}

function otherRange(name: ObjectName): CairnError {
  return new CairnError('STORAGE_IO', `cannot read ${name}: the server answers with another range than was asked for`, {
    hint: 'Check for a proxy between here and the server that keeps parts of answers.',
    retry: 'later',
  });
}
