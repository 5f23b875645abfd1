import { hkdfSync } from 'node:crypto';
import { concatBytes } from '../../base/bytes.ts';
import type { Repository } from '../../repository/repository.ts';
import type { JsonValue } from '../../values/json-content.ts';
import type { ValueUnsealOptions } from '../../values/value-seal.ts';
import type { ValueUrlRequest } from '../../values/signed-url.ts';
import type { ValueKey } from '../../values/value-key.ts';
import type { ValueSchema } from '../../values/value-schema.ts';
import type { ValuesContext } from '../../values/value-shelf.ts';
import type { ValueUrlAnswer, ValueUrlOptions } from '../../values/value-url.ts';
import type { ValueEntry, ValueVersion } from '../../values/value-version.ts';
import type { SetValueOptions } from '../../values/write-value.ts';
import { momentEnd } from '../reference/moment.ts';
import { valueEntry } from '../catalog/catalog-entry.ts';
import type { VaultRecorder } from '../catalog/vault-recorder.ts';
import { valueBackup } from './value-backup.ts';
import { valuesContext } from './values-context.ts';
import { describeVersion, versionId } from '../../values/value-version.ts';
import type { VaultSettings } from '../vault-session.ts';

interface SignalOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface GetValueOptions extends ValueUnsealOptions, SignalOptions {
  /** The newest version that is not later than this. */
  readonly at?: Date | string | undefined;
  /** This version, by its id as `history` gives it. */
  readonly id?: string | undefined;
}

/** With what a value of type `T` is made of its JSON. */
interface WithSchema<T> {
  /** Throws, or returns the value as it should be; or a schema of zod, valibot, … */
  readonly schema: ValueSchema<T>;
}

interface WithDefault<D> {
  /** What to return where there is no such value. */
  readonly default: D;
}

export interface StoredValue {
  readonly version: ValueVersion;
  readonly value: JsonValue;
}

export interface ListValuesOptions extends SignalOptions {
  /** Only keys that begin with this. */
  readonly prefix?: string | undefined;
}

export type VaultUrlOptions = Omit<ValueUrlOptions, 'at'> & { readonly at?: Date | string | undefined };

/** What values need of a vault: no repository, since they are not sealed with its key. */
const URL_KEY_LABEL = 'cairn value urls 1';

/**
 * The values of a vault: what JSON can say, each under a key of up to 200 characters, with every version it had. They are
 * compressed, and encrypted only where a password or recipients are given: the vault's password protects backups, not values.
 *
 * ```ts
 * await vault.values.set('mykey', { some: 'data' });
 * const data = await vault.values.get('mykey', { default: {} });
 * ```
 */
export class VaultValues {
  readonly #repository: Repository;
  readonly #context: ValuesContext;
  /** Ends deletes that were left unfinished, once for each open vault, with its first write. */
  #settled = false;

  /** `vault.values`. */
  constructor(
    repository: Repository,
    settings: Pick<VaultSettings, 'notify' | 'ageWorkFactor'>,
    recorder: VaultRecorder | undefined,
  ) {
    this.#repository = repository;
    const context = valuesContext(repository, settings);
    this.#context = recorder === undefined ? context : { ...context, ...recordsOf(recorder) };
  }

  /**
   * Stores a value: a new version, whatever was there. Rejects with `ARGUMENT_INVALID` for what is no JSON,
   * `VALUE_TOO_LARGE` above 16 MiB, `NOT_SUPPORTED` where the storage holds restic's files only.
   *
   * ```ts
   * await vault.values.set('secrets/api', { token }, { password, keep: 10 });
   * ```
   */
  async set(key: string, value: unknown, options: SetValueOptions = {}): Promise<ValueVersion> {
    const { setValue } = await import('../../values/write-value.ts');
    const version = await setValue(this.#context, key, value, options);
    await this.#settle(options);
    return version;
  }

  /**
   * The newest value of a key, or the one at a time; `default` (`undefined`) where there is none. Rejects with
   * `PASSWORD_MISSING`, `PASSWORD_WRONG`, `IDENTITY_MISSING`, `IDENTITY_WRONG`, `VALUE_CORRUPT`, and `VALUE_INVALID` where
   * the schema refuses it.
   */
  get<T, D = undefined>(
    key: string,
    options: GetValueOptions & WithSchema<T> & Partial<WithDefault<D>>,
  ): Promise<T | D>;
  get<D>(key: string, options: GetValueOptions & WithDefault<D>): Promise<JsonValue | D>;
  get(key: string, options?: GetValueOptions): Promise<JsonValue | undefined>;
  async get(
    key: string,
    options: GetValueOptions & Partial<WithSchema<unknown> & WithDefault<unknown>> = {},
  ): Promise<unknown> {
    const { readValue } = await import('../../values/read-value.ts');
    const found = await readValue(this.#context, key, atTime(options));
    return found === undefined ? options.default : checked(found, options.schema);
  }

  /** The same, but rejects with `VALUE_MISSING` where there is none. */
  getOrThrow<T>(key: string, options: GetValueOptions & WithSchema<T>): Promise<T>;
  getOrThrow(key: string, options?: GetValueOptions): Promise<JsonValue>;
  async getOrThrow(key: string, options: GetValueOptions & Partial<WithSchema<unknown>> = {}): Promise<unknown> {
    const { readValueOrThrow } = await import('../../values/read-value.ts');
    return checked(await readValueOrThrow(this.#context, key, atTime(options)), options.schema);
  }

  /** A value with the version it is of; `undefined` where there is none. Rejects as `get` does. */
  async read(key: string, options: GetValueOptions = {}): Promise<StoredValue | undefined> {
    const { readValue } = await import('../../values/read-value.ts');
    const found = await readValue(this.#context, key, atTime(options));
    if (found === undefined) return undefined;
    return { version: describeVersion(found.version), value: found.value };
  }

  /** Whether there is a value under a key. Reads nothing of it. */
  async has(key: string, options: SignalOptions = {}): Promise<boolean> {
    const { versionsOfKey } = await import('../../values/list-values.ts');
    return (await versionsOfKey(this.#context, key, options)).length > 0;
  }

  /** Deletes a key with all its versions; false where there is none. Others see all of it or nothing. */
  async delete(key: string, options: SignalOptions = {}): Promise<boolean> {
    const { deleteValue } = await import('../../values/delete-value.ts');
    const deleted = await deleteValue(this.#context, key, options);
    await this.#settle(options);
    return deleted;
  }

  /** The keys with their newest versions, in the order of their text. Reads no values. */
  async *list(options: ListValuesOptions = {}): AsyncGenerator<ValueEntry, void, undefined> {
    const { listValues } = await import('../../values/list-values.ts');
    yield* await listValues(this.#context, options);
  }

  /** The versions of a key, newest first; `get` with `id` or `at` reads one. */
  async history(key: string, options: SignalOptions = {}): Promise<readonly ValueVersion[]> {
    const { versionsOfKey } = await import('../../values/list-values.ts');
    return versionsOfKey(this.#context, key, options);
  }

  /**
   * A URL by which anybody can read the stored bytes of a value for a while: as good as a password, so do not log it. S3
   * answers it itself; for other storages `base` is the address of a `cairn serve --values`. Rejects with `VALUE_MISSING`,
   * `ARGUMENT_INVALID`, `NOT_SUPPORTED`.
   *
   * ```ts
   * const url = await vault.values.url('mykey', { expiresIn: 60 });
   * ```
   */
  async url(key: string, options: VaultUrlOptions): Promise<string> {
    const { urlOfValue } = await import('../../values/value-url.ts');
    return urlOfValue(this.#context, () => this.#urlKey(), key, atTime(options));
  }

  /** What a server of your own says to a request for such a URL: `cairn serve --values` is made of this. */
  async answerUrl(request: ValueUrlRequest, options: SignalOptions = {}): Promise<ValueUrlAnswer> {
    const { answerUrl } = await import('../../values/value-url.ts');
    return answerUrl(this.#context, () => this.#urlKey(), request, options);
  }

  /**
   * Derived from the master key, which every password of the vault opens: so any machine that can open the vault can
   * sign and answer.
   */
  #urlKey(): Uint8Array {
    const { key, config } = this.#repository;
    const master = concatBytes([key.encrypt, key.macK, key.macR]);
    return new Uint8Array(hkdfSync('sha256', master, config.id, URL_KEY_LABEL, 32));
  }

  async #settle(options: SignalOptions): Promise<void> {
    if (this.#settled) return;
    this.#settled = true;
    const { settleValues } = await import('../../values/delete-value.ts');
    await settleValues(this.#context, options);
  }
}

function atTime<O extends { readonly at?: Date | string | undefined }>(
  options: O,
): Omit<O, 'at'> & { readonly at: Date | undefined } {
  const { at } = options;
  return { ...options, at: at === undefined ? undefined : new Date(Number(momentEnd(at) / 1_000_000n)) };
}

interface FoundValue {
  readonly version: { readonly key: ValueKey };
  readonly value: JsonValue;
}

async function checked({ version, value }: FoundValue, schema: ValueSchema<unknown> | undefined): Promise<unknown> {
  if (schema === undefined) return value;
  const { applySchema } = await import('../../values/value-schema.ts');
  return applySchema(version.key, value, schema);
}

/** Keeps the catalog in step. */
function recordsOf(recorder: VaultRecorder): Pick<ValuesContext, 'onStored' | 'onRemoved'> {
  return {
    onStored: (version) => recorder.inSession(undefined).recordBackup(valueEntry(valueBackup(version))),
    onRemoved: (versions) => recorder.inSession(undefined).recordDeleted('value', versions.map(versionId)),
  };
}
