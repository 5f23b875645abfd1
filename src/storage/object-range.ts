import { CairnError } from '../base/errors.ts';
import type { ObjectName, ReadOptions } from './storage.ts';

/** Bytes `[offset, offset + length)` of an object. */
export interface ObjectRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * The range that `options` ask of an object of `sizeBytes`. Throws `OBJECT_TRUNCATED` where it does not
 * lie inside the object.
 */
export function resolveRange(name: ObjectName, sizeBytes: number, options: ReadOptions = {}): ObjectRange {
  const offset = options.offset ?? 0;
  const length = options.length ?? sizeBytes - offset;
  const inside = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (!inside || offset + length > sizeBytes) throw truncated(name, sizeBytes, { offset, length });
  return { offset, length };
}

/** The error of a range that an object does not hold. */
export function truncated(name: ObjectName, sizeBytes: number, { offset, length }: ObjectRange): CairnError {
  return new CairnError('OBJECT_TRUNCATED', `${name} has ${sizeBytes} bytes; wanted ${length} at ${offset}`, {
    hint: 'The object is shorter than it should be: it was cut off, or what names it is damaged.',
    facts: { name, sizeBytes, offset, length },
  });
}

/** The error of an object that is not there. */
export function missing(name: ObjectName, cause?: unknown): CairnError {
  return new CairnError('OBJECT_MISSING', `no such object: ${name}`, { cause, facts: { name } });
}

/** The error of a write with `ifAbsent` where something is. */
export function exists(name: ObjectName, cause?: unknown): CairnError {
  return new CairnError('OBJECT_EXISTS', `there is already an object ${name}`, { cause, facts: { name } });
}

/** Data in one or several parts, always as parts. */
export function partsOf(data: Uint8Array | readonly Uint8Array[]): readonly Uint8Array[] {
  return data instanceof Uint8Array ? [data] : data;
}

/** Bytes in all parts together. */
export function sizeOf(parts: readonly Uint8Array[]): number {
  let size = 0;
  for (const part of parts) size += part.length;
  return size;
}

/** The same bytes, in groups of `bytes` each, without a copy. */
export function* sliceParts(parts: readonly Uint8Array[], bytes: number): Generator<readonly Uint8Array[]> {
  let group: Uint8Array[] = [];
  let free = bytes;
  for (const part of parts) {
    for (let at = 0; at < part.length;) {
      const piece = part.subarray(at, at + free);
      group.push(piece);
      at += piece.length;
      free -= piece.length;
      if (free > 0) continue;
      yield group;
      group = [];
      free = bytes;
    }
  }
  if (group.length > 0) yield group;
}
