// Typed reading of the small JSON documents (config, key, lock, snapshot). As in Go, an absent field
// and `null` read as the zero value, where a document allows that.
import { CairnError, isCairnError, messageOf } from '../base/errors.ts';
import type { ErrorCode } from '../base/error-codes.ts';
import type { AnyId } from '../base/ids.ts';
import { isId, parseId } from '../base/ids.ts';
import { decodeBase64 } from './base64.ts';
import type { JsonObject, JsonValue } from './go-json.ts';
import { isJsonObject, parseJson } from './go-json.ts';
import type { GoTime } from './go-time.ts';
import { parseGoTime } from './go-time.ts';

export class DocumentFields {
  readonly #document: JsonObject;
  readonly #code: ErrorCode;
  readonly #kind: string;
  readonly #read = new Set<string>();

  constructor(document: JsonObject, code: ErrorCode, kind: string) {
    this.#document = document;
    this.#code = code;
    this.#kind = kind;
  }

  /** Parses a document that must be an object. All errors have the code `code`. */
  static parse(json: Uint8Array, code: ErrorCode, kind: string): DocumentFields {
    const document = parseDocument(json, code, kind);
    if (!isJsonObject(document)) throw new CairnError(code, `the ${kind} is not a JSON object`);
    return new DocumentFields(document, code, kind);
  }

  fail(what: string, cause?: unknown): never {
    throw new CairnError(this.#code, `the ${this.#kind} is damaged: ${what}`, { cause });
  }

  /** The raw value; `undefined` if it is absent or null. */
  value(key: string): JsonValue | undefined {
    this.#read.add(key);
    // `hasOwn`, because a document may lack a key that every object inherits.
    const value = Object.hasOwn(this.#document, key) ? this.#document[key] : undefined;
    return value ?? undefined;
  }

  string(key: string): string {
    const value = this.value(key) ?? '';
    return typeof value === 'string' ? value : this.fail(`${key} is not a string`);
  }

  boolean(key: string): boolean {
    const value = this.value(key) ?? false;
    return typeof value === 'boolean' ? value : this.fail(`${key} is not true or false`);
  }

  /** An integer from 0 to `max`. */
  integer(key: string, max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.value(key) ?? 0;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > max) {
      return this.fail(`${key} is not an integer from 0 to ${max}`);
    }
    return value;
  }

  time(key: string): GoTime {
    try {
      return parseGoTime(this.string(key));
    } catch (error) {
      return this.fail(`${key} is not a time`, error);
    }
  }

  id<Id extends AnyId>(key: string): Id {
    const text = this.string(key);
    return isId(text) ? parseId<Id>(text) : this.fail(`${key} is not an id`);
  }

  optionalId<Id extends AnyId>(key: string): Id | undefined {
    return this.value(key) === undefined ? undefined : this.id<Id>(key);
  }

  strings(key: string): readonly string[] {
    const value = this.value(key) ?? [];
    if (!Array.isArray(value)) return this.fail(`${key} is not a list`);
    return value.map((item) => (typeof item === 'string' ? item : this.fail(`${key} holds something else than text`)));
  }

  bytes(key: string): Uint8Array {
    // Go's decoder skips line breaks.
    return decodeBase64(this.string(key).replaceAll(/[\r\n]/g, '')) ?? this.fail(`${key} is not base64`);
  }

  object(key: string): DocumentFields | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    return isJsonObject(value)
      ? new DocumentFields(value, this.#code, `${this.#kind}'s ${key}`)
      : this.fail(`${key} is not an object`);
  }

  /** All fields that were not read by the calls above, in their order: what a newer or other writer added. */
  unread(): JsonObject {
    return Object.fromEntries(Object.entries(this.#document).filter(([key]) => !this.#read.has(key)));
  }
}

function parseDocument(json: Uint8Array, code: ErrorCode, kind: string): JsonValue {
  try {
    return parseJson(json);
  } catch (error) {
    if (!isCairnError(error)) throw error;
    throw new CairnError(code, `the ${kind} is damaged: ${messageOf(error)}`, { cause: error });
  }
}
