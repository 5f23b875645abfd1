import type { CairnError } from '../../base/errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A value that is set: an empty variable or parameter says nothing. */
export function valueOf(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

/**
 * The query of a storage URL, each parameter asked for once. What nobody asked for is refused: a misspelt `lock-mode` must
 * not pass in silence.
 */
export class UrlParameters {
  readonly #values: URLSearchParams;
  readonly #invalid: (message: string) => CairnError;

  /** `invalid` makes the error of a query that is wrong. */
  constructor(query: string, invalid: (message: string) => CairnError) {
    this.#values = new URLSearchParams(query);
    this.#invalid = invalid;
  }

  text(name: string): string | undefined {
    const value = this.#values.get(name);
    this.#values.delete(name);
    return valueOf(value ?? undefined);
  }

  flag(name: string): boolean | undefined {
    const value = this.oneOf(name, ['true', 'false', 'yes', 'no', '1', '0']);
    return value === undefined ? undefined : ['true', 'yes', '1'].includes(value);
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    return values.find((one) => one === value) ?? this.#refuse(`${name} must be one of ${values.join(', ')}`);
  }

  number(name: string, least: number, most: number): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const number = /^\d{1,9}$/u.test(value) ? Number(value) : Number.NaN;
    return number >= least && number <= most
      ? number
      : this.#refuse(`${name} must be a number from ${least} to ${most}`);
  }

  refuseOthers(): void {
    const [name] = this.#values.keys();
    // A name that looks like one is repeated; anything else may be a secret in the wrong place.
    if (name !== undefined) this.#refuse(`unknown parameter${/^[a-z-]{1,30}$/u.test(name) ? ` ${name}` : ''}`);
  }

  #refuse(message: string): never {
    throw this.#invalid(message);
  }
}
