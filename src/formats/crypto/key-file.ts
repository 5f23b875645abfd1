// A key file wraps the master key with a password (restic's format, "Keys, Encryption and MAC"):
// `{"created":…,"username":…,"hostname":…,"kdf":"scrypt","N":…,"r":…,"p":…,"salt":base64,"data":base64}`.
// `data` is a sealed message under scrypt(password, salt); its plaintext holds the master key:
// `{"mac":{"k":base64(16),"r":base64(16)},"encrypt":base64(32)}`.
// One field more, of ours, may follow: `"cairn_replaces":id`, the key that this one was made to replace.
import { randomBytes } from 'node:crypto';
import { utf8 } from '../../base/bytes.ts';
import { CairnError, hasCode } from '../../base/errors.ts';
import { isId, type KeyId, parseId } from '../../base/ids.ts';
import type { Codec, SealKey } from '../../kernels/codec.ts';
import { SEAL_OVERHEAD } from '../../kernels/codec.ts';
import type { ScryptParameters, ScryptRequest } from '../../kernels/scrypt.ts';
import { deriveAhead, deriveOnce } from '../../kernels/scrypt-ahead.ts';
import { encodeBase64 } from '../base64.ts';
import { DocumentFields } from '../document-fields.ts';
import { encodeObject } from '../go-json.ts';
import type { GoTime } from '../go-time.ts';
import { formatGoTime } from '../go-time.ts';
import { openBytes, sealBytes } from './sealed.ts';

/** How the key of a key file comes from its password. No secret: a key file says it to everybody. */
export interface KeyDerivation extends ScryptParameters {
  readonly salt: Uint8Array;
}

export interface KeyFile extends KeyDerivation {
  readonly created: GoTime;
  readonly username: string;
  readonly hostname: string;
  readonly data: Uint8Array;
  /** The key that whoever made this one was about to remove. restic ignores it. */
  readonly replaces?: KeyId | undefined;
}

const SALT_SIZE = 64;
const ENCRYPT_SIZE = 32;
const MAC_PART_SIZE = 16;
const DERIVED_SIZE = ENCRYPT_SIZE + 2 * MAC_PART_SIZE;

// restic calibrates to 60 MB and half a second (N·r·p around 2^21); a hostile key file must not be able
// to exhaust the machine.
const MAX_MEMORY = 1024 * 1024 * 1024;
const MAX_WORK = 2 ** 27;

export function encodeKeyFile(key: KeyFile): Uint8Array {
  const members: Parameters<typeof encodeObject>[0] = [
    ['created', formatGoTime(key.created)],
    ['username', key.username],
    ['hostname', key.hostname],
    ...derivationMembers(key),
    ['data', encodeBase64(key.data)],
    ...(key.replaces === undefined ? [] : [['cairn_replaces', key.replaces] as const]),
  ];
  return utf8(encodeObject(members));
}

/** The part of a key file that says how its key is derived. */
export function encodeDerivation(key: KeyDerivation): Uint8Array {
  return utf8(encodeObject(derivationMembers(key)));
}

function derivationMembers({ N, r, p, salt }: KeyDerivation): Parameters<typeof encodeObject>[0] {
  return [
    ['kdf', 'scrypt'],
    ['N', N],
    ['r', r],
    ['p', p],
    ['salt', encodeBase64(salt)],
  ];
}

/** Throws `KEY_CORRUPT`, also for parameters outside the limits. */
export function decodeKeyFile(json: Uint8Array): KeyFile {
  const fields = DocumentFields.parse(json, 'KEY_CORRUPT', 'key file');
  const key: KeyFile = {
    ...derivationOf(fields),
    created: fields.time('created'),
    username: fields.string('username'),
    hostname: fields.string('hostname'),
    data: fields.bytes('data'),
    replaces: replacedKey(fields),
  };
  if (key.data.length <= SEAL_OVERHEAD) fields.fail('data is too short');
  return key;
}

/** Nothing that opens the vault depends on this field, so a strange one makes no key unusable. */
function replacedKey(fields: DocumentFields): KeyId | undefined {
  const value = fields.value('cairn_replaces');
  return typeof value === 'string' && isId(value) ? parseId<KeyId>(value) : undefined;
}

/** Reads what `encodeDerivation` gives. Throws `KEY_CORRUPT`, also for parameters outside the limits. */
export function decodeDerivation(json: Uint8Array): KeyDerivation {
  return derivationOf(DocumentFields.parse(json, 'KEY_CORRUPT', 'key derivation'));
}

function derivationOf(fields: DocumentFields): KeyDerivation {
  const kdf = fields.string('kdf');
  if (kdf !== 'scrypt') fields.fail(`unknown key derivation ${JSON.stringify(kdf.slice(0, 40))}`);
  const derivation = {
    N: fields.integer('N'),
    r: fields.integer('r'),
    p: fields.integer('p'),
    salt: fields.bytes('salt'),
  };
  checkParameters(derivation);
  return derivation;
}

/** The key that a password opens key files with. Throws `KEY_CORRUPT` for parameters outside the limits. */
export async function deriveKey(password: Uint8Array, parameters: KeyDerivation): Promise<SealKey> {
  const derived = await deriveOnce(requestOf(password, parameters));
  return {
    encrypt: derived.slice(0, ENCRYPT_SIZE),
    macK: derived.slice(ENCRYPT_SIZE, ENCRYPT_SIZE + MAC_PART_SIZE),
    macR: derived.slice(ENCRYPT_SIZE + MAC_PART_SIZE),
  };
}

/** Begins the derivation that `openKeyFile` will wait for. Throws `KEY_CORRUPT` as `deriveKey` does. */
export function deriveKeyAhead(derivation: KeyDerivation, password: Uint8Array): void {
  deriveAhead(requestOf(password, derivation));
}

function requestOf(password: Uint8Array, parameters: KeyDerivation): ScryptRequest {
  checkParameters(parameters);
  const { N, r, p, salt } = parameters;
  return { password, salt, N, r, p, sizeBytes: DERIVED_SIZE };
}

/**
 * The master key in `keyFile`. Throws `PASSWORD_WRONG` if the password does not open it (a damaged `data`
 * looks the same), `KEY_CORRUPT` if what it opens is no master key.
 */
export async function openKeyFile(codec: Codec, keyFile: KeyFile, password: Uint8Array): Promise<SealKey> {
  const userKey = await deriveKey(password, keyFile);
  let plain: Uint8Array;
  try {
    plain = openBytes(codec, userKey, keyFile.data);
  } catch (error) {
    if (!hasCode(error, 'SEAL_BROKEN')) throw error;
    throw new CairnError('PASSWORD_WRONG', 'the password does not open this key', { cause: error });
  }
  return decodeMasterKey(plain);
}

/** Wraps `master` for `password` with a new salt. */
export async function createKeyFile(
  codec: Codec,
  master: SealKey,
  password: Uint8Array,
  options: ScryptParameters & Pick<KeyFile, 'username' | 'hostname' | 'created' | 'replaces'>,
): Promise<KeyFile> {
  const { N, r, p, username, hostname, created, replaces } = options;
  const salt = Uint8Array.from(randomBytes(SALT_SIZE));
  const userKey = await deriveKey(password, { N, r, p, salt });
  const data = sealBytes(codec, userKey, encodeMasterKey(master));
  return { created, username, hostname, N, r, p, salt, data, replaces };
}

/** A random master key for a new repository. */
export function newMasterKey(): SealKey {
  // The MAC's `r` stays unclamped, as current restic stores it; clamping happens at use.
  return {
    encrypt: Uint8Array.from(randomBytes(ENCRYPT_SIZE)),
    macK: Uint8Array.from(randomBytes(MAC_PART_SIZE)),
    macR: Uint8Array.from(randomBytes(MAC_PART_SIZE)),
  };
}

function encodeMasterKey(master: SealKey): Uint8Array {
  return utf8(
    encodeObject([
      ['mac', { k: encodeBase64(master.macK), r: encodeBase64(master.macR) }],
      ['encrypt', encodeBase64(master.encrypt)],
    ]),
  );
}

function decodeMasterKey(plain: Uint8Array): SealKey {
  const fields = DocumentFields.parse(plain, 'KEY_CORRUPT', 'master key');
  const mac = fields.object('mac') ?? fields.fail('it has no mac');
  const part = (owner: DocumentFields, name: string, size: number): Uint8Array => {
    const bytes = owner.bytes(name);
    if (bytes.length !== size) fields.fail(`${name} has ${bytes.length} bytes, not ${size}`);
    // restic treats an all-zero part as invalid: it is what a failed random source would leave.
    return bytes.every((byte) => byte === 0) ? fields.fail(`${name} is all zeros`) : bytes;
  };
  return {
    encrypt: part(fields, 'encrypt', ENCRYPT_SIZE),
    macK: part(mac, 'k', MAC_PART_SIZE),
    macR: part(mac, 'r', MAC_PART_SIZE),
  };
}

function checkParameters({ N, r, p, salt }: KeyDerivation): void {
  const isPowerOfTwo = Number.isSafeInteger(N) && N > 1 && Number.isInteger(Math.log2(N));
  const isCount = Number.isSafeInteger(r) && r >= 1 && Number.isSafeInteger(p) && p >= 1;
  if (!isPowerOfTwo || !isCount || 128 * r * (N + p) > MAX_MEMORY || N * r * p > MAX_WORK) {
    throw new CairnError('KEY_CORRUPT', `the key file asks for scrypt with N=${N}, r=${r}, p=${p}, outside the limits`);
  }
  // restic refuses other sizes as well.
  if (salt.length !== SALT_SIZE) {
    throw new CairnError('KEY_CORRUPT', `the key file's salt has ${salt.length} bytes, not ${SALT_SIZE}`);
  }
}
