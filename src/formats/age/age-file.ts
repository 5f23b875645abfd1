// Files of age (age-encryption.org/v1): a header, then the payload. What the `age` program writes is read here, and the
// other way round.
import { randomBytes } from 'node:crypto';
import { concatBytes } from '../../base/bytes.ts';
import { CairnError } from '../../base/errors.ts';
import {
  type AgeIdentities,
  type AgeRecipients,
  ageFileStart,
  ageHeaderSize,
  makeAgeHeader,
  openAgeHeader,
} from './age-header.ts';
import { AGE_NONCE_SIZE, AgePayloadReader, agePayloadKey, AgePayloadWriter } from './age-payload.ts';

export interface AgeEncryptor {
  /** What the file begins with; write it first. */
  readonly header: Uint8Array;
  /** Bytes of it that are age's header; a nonce follows. */
  readonly headerBytes: number;
  /** The bytes that follow, so far as they are complete. Their memory is used again by the next `update`. */
  update(plaintext: Uint8Array): Uint8Array;
  /** The last bytes. */
  final(): Uint8Array;
}

export interface AgeDecryptor {
  /** Takes what follows the header, in pieces of any size, and gives what is authentic of it. Throws `SEAL_BROKEN`. */
  update(ciphertext: Uint8Array): Uint8Array;
  /** Throws `SEAL_BROKEN` where the end is missing. */
  final(): Uint8Array;
}

/** `workFactor` is the cost of a passphrase as a power of two; lower it in tests only. */
export interface AgeEncryptorOptions {
  readonly workFactor?: number | undefined;
}

/**
 * Encrypts one file. Throws `ARGUMENT_INVALID` for recipients that are none.
 *
 * ```ts
 * const age = await ageEncryptor({ recipients: ['age1…'] });
 * write(age.header);
 * write(age.update(plaintext));
 * write(age.final());
 * ```
 */
export async function ageEncryptor(to: AgeRecipients, options: AgeEncryptorOptions = {}): Promise<AgeEncryptor> {
  const header = await makeAgeHeader(to, options);
  const nonce = randomBytes(AGE_NONCE_SIZE);
  const payload = new AgePayloadWriter(agePayloadKey(header.fileKey, nonce));
  return {
    header: ageFileStart(header, nonce),
    headerBytes: header.bytes.length,
    update: (plaintext) => payload.update(plaintext),
    final: () => payload.final(),
  };
}

/**
 * Decrypts one file of which `header` is exactly the header (`ageHeaderSize`). A wrong password shows here, before any
 * payload is there. Throws what `openAgeHeader` throws.
 */
export async function ageDecryptor(header: Uint8Array, using: AgeIdentities): Promise<AgeDecryptor> {
  return new PayloadAfterNonce(await openAgeHeader(header, using));
}

class PayloadAfterNonce implements AgeDecryptor {
  readonly #fileKey: Uint8Array;
  #nonce: Uint8Array = new Uint8Array();
  #payload: AgePayloadReader | undefined;

  constructor(fileKey: Uint8Array) {
    this.#fileKey = fileKey;
  }

  update(ciphertext: Uint8Array): Uint8Array {
    if (this.#payload !== undefined) return this.#payload.update(ciphertext);
    const missing = AGE_NONCE_SIZE - this.#nonce.length;
    this.#nonce = concatBytes([this.#nonce, ciphertext.subarray(0, missing)]);
    if (this.#nonce.length < AGE_NONCE_SIZE) return new Uint8Array();
    this.#payload = new AgePayloadReader(agePayloadKey(this.#fileKey, this.#nonce));
    return this.#payload.update(ciphertext.subarray(missing));
  }

  final(): Uint8Array {
    if (this.#payload !== undefined) return this.#payload.final();
    throw new CairnError('SEAL_BROKEN', 'the encrypted data is not what was written: it ends too early');
  }
}

/** A whole file at once, for what is small. */
export async function sealAge(
  plaintext: Uint8Array,
  to: AgeRecipients,
  options: AgeEncryptorOptions = {},
): Promise<Uint8Array> {
  const encryptor = await ageEncryptor(to, options);
  return concatBytes([encryptor.header, encryptor.update(plaintext), encryptor.final()]);
}

/** The plaintext of a whole file. Throws what `ageDecryptor` and its methods throw. */
export async function openAge(file: Uint8Array, using: AgeIdentities): Promise<Uint8Array> {
  const size = ageHeaderSize(file);
  if (size === undefined) throw new CairnError('FORMAT_INVALID', 'this age file ends in its header');
  const decryptor = await ageDecryptor(file.subarray(0, size), using);
  return concatBytes([decryptor.update(file.subarray(size)), decryptor.final()]);
}
