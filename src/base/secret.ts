// What `util.inspect` looks for; registered by Node under this name.
const inspectCustom = Symbol.for('nodejs.util.inspect.custom');
const REDACTED = '[redacted]';

/** A value that cannot be printed by accident: JSON, logs and `inspect` show `[redacted]`. */
export class Secret {
  readonly #value: Uint8Array;

  constructor(value: string | Uint8Array) {
    this.#value = typeof value === 'string' ? new TextEncoder().encode(value) : Uint8Array.from(value);
  }

  /** The bytes themselves. Search for this name to find every place a secret is used. */
  reveal(): Uint8Array {
    return this.#value;
  }

  get isEmpty(): boolean {
    return this.#value.length === 0;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  static {
    Object.defineProperty(this.prototype, inspectCustom, { value: () => REDACTED });
  }
}
