// The document beside an archive, `<stored name>.json`. It is the mark that the archive is complete, and says what can be
// known without opening it. It is not encrypted: whoever may list the storage may read names, tags and paths.
//
// {"version":1,"name":…,"host":…,"time":RFC 3339,"tags":[…],"paths":[…],"codec":"zstd"|"gzip"|"none",
//  "encryption":"age-passphrase"|"age-recipients"|"none","headerBytes":n,"fileCount":n,"directoryCount":n,"sourceBytes":n,"tarBytes":n,
//  "storedBytes":n,"storedSha256":hex,"tarSha256":hex,"problems":n,"program":…}
import { utf8 } from '../base/bytes.ts';
import { CairnError } from '../base/errors.ts';
import { DocumentFields } from '../formats/document-fields.ts';
import type { ArchiveCodec } from './codec.ts';

export type ArchiveEncryption = 'age-passphrase' | 'age-recipients' | 'none';

export interface Sidecar {
  readonly name: string;
  readonly host: string;
  readonly time: Date;
  readonly tags: readonly string[];
  /** Absolute paths of what was archived; empty where that is not known. */
  readonly paths: readonly string[];
  readonly codec: ArchiveCodec;
  readonly encryption: ArchiveEncryption;
  /** Bytes of age's header: enough to know whether a password is right. 0 where nothing is encrypted, or it is not known. */
  readonly headerBytes: number;
  /** Entries that are no directories. */
  readonly fileCount: number;
  readonly directoryCount: number;
  /** Content of all files. */
  readonly sourceBytes: number;
  readonly tarBytes: number;
  readonly storedBytes: number;
  /** SHA-256 of the object, in hexadecimal. */
  readonly storedSha256: string;
  /** The same of the tar stream. */
  readonly tarSha256: string;
  /** Entries that could not be read, or not whole. */
  readonly problems: number;
  readonly program: string;
}

const VERSION = 1;
const codecs: readonly ArchiveCodec[] = ['zstd', 'gzip', 'none'];
const encryptions: readonly ArchiveEncryption[] = ['age-passphrase', 'age-recipients', 'none'];

/** The same bytes for the same sidecar: fields in the order above. */
export function encodeSidecar(sidecar: Sidecar): Uint8Array {
  const { name, host, time, tags, paths, codec, encryption, headerBytes, fileCount, directoryCount } = sidecar;
  const { sourceBytes, tarBytes, storedBytes, storedSha256, tarSha256, problems, program } = sidecar;
  const head = { version: VERSION, name, host, time, tags, paths, codec, encryption, headerBytes };
  const counts = { fileCount, directoryCount, sourceBytes, tarBytes, storedBytes };
  const document = { ...head, ...counts, storedSha256, tarSha256, problems, program };
  return utf8(`${JSON.stringify(document, undefined, 2)}\n`);
}

/** Throws `ARCHIVE_CORRUPT`, and `VAULT_UNSUPPORTED` for a version that is not known. Unknown fields are ignored. */
export function decodeSidecar(json: Uint8Array): Sidecar {
  const fields = DocumentFields.parse(json, 'ARCHIVE_CORRUPT', 'sidecar of an archive');
  const version = fields.integer('version');
  if (version !== VERSION) {
    throw new CairnError('VAULT_UNSUPPORTED', `an archive is described in version ${version}, which is not known here`);
  }
  return {
    name: fields.string('name'),
    host: fields.string('host'),
    time: new Date(Number(fields.time('time').ns / 1_000_000n)),
    tags: fields.strings('tags'),
    paths: fields.strings('paths'),
    codec: oneOf(fields, 'codec', codecs),
    encryption: oneOf(fields, 'encryption', encryptions),
    headerBytes: fields.integer('headerBytes'),
    fileCount: fields.integer('fileCount'),
    directoryCount: fields.integer('directoryCount'),
    sourceBytes: fields.integer('sourceBytes'),
    tarBytes: fields.integer('tarBytes'),
    storedBytes: fields.integer('storedBytes'),
    storedSha256: sha256Of(fields, 'storedSha256'),
    tarSha256: sha256Of(fields, 'tarSha256'),
    problems: fields.integer('problems'),
    program: fields.string('program'),
  };
}

function oneOf<T extends string>(fields: DocumentFields, key: string, allowed: readonly T[]): T {
  const text = fields.string(key);
  return allowed.find((value) => value === text) ?? fields.fail(`${key} is none of ${allowed.join(', ')}`);
}

function sha256Of(fields: DocumentFields, key: string): string {
  const text = fields.string(key);
  return /^[0-9a-f]{64}$/u.test(text) ? text : fields.fail(`${key} is no SHA-256`);
}
