// The config document of a repository: `{"version":2,"id":…,"chunker_polynomial":"<hex>"}`
// (restic's format, "Config"). Other programs add fields; restic ignores them, and so that nothing is
// lost they are kept in `extra`. Cairn's own are `cairn_chunker`: which chunker new data is cut with, and
// `cairn_cold_class`: the storage class for packs of data.
import { utf8 } from '../../base/bytes.ts';
import { CairnError } from '../../base/errors.ts';
import type { RepositoryId } from '../../base/ids.ts';
import { DocumentFields } from '../document-fields.ts';
import type { JsonObject, JsonValue } from '../go-json.ts';
import { encodeJson, encodeObject } from '../go-json.ts';

export interface RepositoryConfig {
  /** 2 has compression, 1 has not. */
  readonly version: 1 | 2;
  readonly id: RepositoryId;
  /** Bits are the coefficients of restic's Rabin polynomial. Not checked here to be irreducible. */
  readonly chunkerPolynomial: bigint;
  readonly chunker: 'rabin' | 'gear';
  /** Storage class for new packs of data, such as `GLACIER`; everything else stays where it can be read at once. */
  readonly coldClass?: string | undefined;
  /** Fields of other programs, kept when the config is rewritten. */
  readonly extra: JsonObject;
}

const GEAR = 'gear-v1';
const STORAGE_CLASS = /^[A-Z][A-Z0-9_]{0,39}$/;
const HEX_U64 = /^[0-9a-fA-F]{1,16}$/;

export function encodeConfig(config: RepositoryConfig): Uint8Array {
  const members: [string, JsonValue][] = [
    ['version', config.version],
    ['id', config.id],
    ['chunker_polynomial', config.chunkerPolynomial.toString(16)],
  ];
  if (config.chunker === 'gear') members.push(['cairn_chunker', GEAR]);
  if (config.coldClass !== undefined) members.push(['cairn_cold_class', config.coldClass]);
  members.push(...Object.entries(config.extra));
  return utf8(encodeObject(members));
}

/** Throws `CONFIG_CORRUPT`, or `VAULT_UNSUPPORTED` for a version or chunker that this program does not know. */
export function decodeConfig(json: Uint8Array): RepositoryConfig {
  const fields = DocumentFields.parse(json, 'CONFIG_CORRUPT', 'config');
  const version = fields.integer('version');
  if (version !== 1 && version !== 2) throw unsupported(`repository version ${version}`);
  const polynomial = fields.string('chunker_polynomial');
  if (!HEX_U64.test(polynomial)) fields.fail('chunker_polynomial is not a hexadecimal number');
  return {
    version,
    id: fields.id<RepositoryId>('id'),
    chunkerPolynomial: BigInt(`0x${polynomial}`),
    chunker: parseChunker(fields.value('cairn_chunker')),
    ...coldClassOf(fields),
    extra: fields.unread(),
  };
}

function parseChunker(value: JsonValue | undefined): 'rabin' | 'gear' {
  if (value === undefined) return 'rabin';
  if (value === GEAR) return 'gear';
  throw unsupported(`the chunker ${encodeJson(value).slice(0, 40)}`);
}

/** Whether this may name a storage class, as providers write them. */
export function isStorageClass(text: string): boolean {
  return STORAGE_CLASS.test(text);
}

function coldClassOf(fields: DocumentFields): Pick<RepositoryConfig, 'coldClass'> {
  const coldClass = fields.string('cairn_cold_class');
  if (coldClass === '') return {};
  return isStorageClass(coldClass) ? { coldClass } : fields.fail('cairn_cold_class is no storage class');
}

function unsupported(what: string): CairnError {
  return new CairnError('VAULT_UNSUPPORTED', `this version does not support ${what}`, {
    hint: 'A newer program wrote this repository; update Cairn.',
  });
}
