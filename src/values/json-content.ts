import { gunzip, gzip } from 'node:zlib';
import { promisify } from 'node:util';
import { utf8 } from '../base/bytes.ts';
import { CairnArgumentError, CairnError } from '../base/errors.ts';
import type { ValueKey } from './value-key.ts';

/** What a value can be: what JSON can say. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** Bytes of the JSON of one value: it is held in memory, several times over, on its way. */
export const MAX_VALUE_BYTES: number = 16 * 1024 * 1024;

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/**
 * The JSON of a value in UTF-8. What `toJSON` gives counts, and properties that are `undefined` are left out, as
 * `JSON.stringify` has it; what it would change without a word (`NaN`, functions, maps) is refused. Throws
 * `ARGUMENT_INVALID`, and `VALUE_TOO_LARGE`.
 */
export function encodeJson(key: ValueKey, value: unknown): Uint8Array {
  let text: string | undefined;
  try {
    text = JSON.stringify(value, refuseLoss);
  } catch (error) {
    // Not with its message, which may quote the value.
    if (error instanceof Lossy) throw noJson(key, error.message);
    if (error instanceof CairnArgumentError || error instanceof CairnError) throw error;
    throw noJson(key, 'it refers to itself, or its toJSON fails');
  }
  if (text === undefined) throw noJson(key, 'it is undefined');
  const bytes = utf8(text);
  if (bytes.length > MAX_VALUE_BYTES) throw tooLarge(key, bytes.length);
  return bytes;
}

class Lossy extends Error {}

function refuseLoss(_: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Lossy('it holds a number that is not finite');
  if (typeof value === 'bigint') throw new Lossy('it holds a bigint');
  if (typeof value === 'function' || typeof value === 'symbol') throw new Lossy(`it holds a ${typeof value}`);
  if (value instanceof Map || value instanceof Set || ArrayBuffer.isView(value)) {
    throw new Lossy(`it holds a ${value.constructor.name}`);
  }
  return value;
}

/** Throws `SyntaxError` for what is no JSON in UTF-8; never names what it holds. */
export function decodeJson(bytes: Uint8Array): JsonValue {
  try {
    const value: JsonValue = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    return value;
  } catch {
    throw new SyntaxError('it is no JSON');
  }
}

export function gzipJson(json: Uint8Array): Promise<Uint8Array> {
  return compress(json);
}

/** Throws where it is no gzip, or holds more than a value may have. */
export function gunzipJson(bytes: Uint8Array): Promise<Uint8Array> {
  return decompress(bytes, { maxOutputLength: MAX_VALUE_BYTES });
}

function noJson(key: ValueKey, why: string): CairnArgumentError {
  return new CairnArgumentError(`the value for ${JSON.stringify(key)} cannot be JSON: ${why}`, {
    hint: 'Turn it into plain objects, arrays, strings and finite numbers first.',
    facts: { key },
  });
}

function tooLarge(key: ValueKey, sizeBytes: number): CairnError {
  return new CairnError(
    'VALUE_TOO_LARGE',
    `the value for ${JSON.stringify(key)} has ${sizeBytes} bytes of JSON, and a value at most ${MAX_VALUE_BYTES}`,
    { hint: 'Back it up as a file, which has no limit, or split it over several keys.', facts: { key, sizeBytes } },
  );
}
