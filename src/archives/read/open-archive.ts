// An archive as the tar stream in it: fetched in pieces, decrypted, decompressed and hashed on the way. How it is encrypted and
// compressed is known from its bytes; the sidecar, where there is one, says what they have to be.
import { createHash } from 'node:crypto';
import { CairnError, hasCode } from '../../base/errors.ts';
import { type AgeDecryptor, ageDecryptor } from '../../formats/age/age-file.ts';
import { type AgeIdentities, ageHeaderKind, ageHeaderSize } from '../../formats/age/age-header.ts';
import type { ArchiveCodec } from '../codec.ts';
import type { Sidecar } from '../sidecar.ts';
import { decompressed } from './decompress.ts';
import { type ByteSource, streamFrom } from './object-bytes.ts';

/** Asked for a password or identities, once the header says which of the two is needed. */
export type AskIdentities = (kind: 'passphrase' | 'recipients') => Promise<AgeIdentities>;

export interface OpenArchiveOptions {
  readonly sidecar: Pick<Sidecar, 'encryption' | 'headerBytes' | 'tarBytes' | 'tarSha256' | 'storedSha256'> | undefined;
  readonly identities: AskIdentities;
  /** Bytes of tar at most; by default what the sidecar says, or a thousand times the size. */
  readonly maxTarBytes?: number | undefined;
  readonly signal: AbortSignal;
}

export interface OpenedArchive {
  /**
   * The tar stream, once. Throws `ARCHIVE_CORRUPT` with what was damaged, `ARCHIVE_TOO_LARGE`, and what reading throws.
   * That everything was what was written is known when it has ended, and not before.
   */
  readonly tar: AsyncGenerator<Uint8Array>;
  readonly encryption: 'passphrase' | 'recipients' | 'none';
  /** Bytes fetched so far. */
  readonly fetched: () => number;
  /** Facts about the stream, known once it has ended. */
  readonly facts: () => ArchiveFacts;
}

export type ArchiveFacts = Pick<Sidecar, 'codec' | 'headerBytes' | 'storedSha256' | 'tarBytes' | 'tarSha256'>;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The header of one passphrase, or of one key, is shorter; more is fetched where it has to be. */
const FIRST_LOOK = 256;
const LARGEST_GUESS = 64 * 1024;
const AGE_START = 'age-encryption.org/';
/** Text compresses four times; what compresses a thousand times is zeros, or made to fill a disk. */
const MAX_RATIO = 1000;
const ALWAYS_ALLOWED = 64 * 1024 * 1024;

/**
 * Opens an archive: of one that is encrypted, no more than its header is fetched until it is known that the password is right.
 * Throws `PASSWORD_WRONG`, `IDENTITY_WRONG`, `IDENTITY_MISSING`, and what `identities` throws.
 */
export async function openArchive(source: ByteSource, options: OpenArchiveOptions): Promise<OpenedArchive> {
  const { signal, sidecar } = options;
  const stored = createHash('sha256');
  let fetched = 0;
  const facts: Mutable<ArchiveFacts> = { codec: 'none', headerBytes: 0, storedSha256: '', tarBytes: 0, tarSha256: '' };
  const count = (bytes: Uint8Array): Uint8Array => {
    stored.update(bytes);
    fetched += bytes.length;
    return bytes;
  };
  const head = await readHead(source, sidecar?.headerBytes ?? 0, signal);
  const headerBytes = isAge(head) ? ageHeaderSize(head) : undefined;
  let decryptor: AgeDecryptor | undefined;
  let encryption: OpenedArchive['encryption'] = 'none';
  if (headerBytes !== undefined) {
    const header = head.subarray(0, headerBytes);
    facts.headerBytes = headerBytes;
    encryption = ageHeaderKind(header);
    decryptor = await ageDecryptor(header, await options.identities(encryption));
  }
  if (encryption === 'none') assertMayBePlain(source, sidecar);
  const bytes = async function* (): AsyncGenerator<Uint8Array> {
    count(head);
    if (decryptor === undefined) yield head;
    else yield decryptor.update(head.subarray(headerBytes));
    for await (const piece of streamFrom(source, head.length, signal)) {
      count(piece);
      yield decryptor === undefined ? piece : decryptor.update(piece);
    }
    if (decryptor !== undefined) yield decryptor.final();
    facts.storedSha256 = stored.digest('hex');
    if (sidecar !== undefined && facts.storedSha256 !== sidecar.storedSha256)
      throw damaged(source, 'its bytes are not those that were written');
  };
  const onCodec = (codec: ArchiveCodec): void => void (facts.codec = codec);
  const tar = named(source, hashed(source, decompressed(bytes(), onCodec), facts, options));
  return { tar, encryption, fetched: () => fetched, facts: () => facts };
}

function isAge(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, AGE_START.length)).toString('latin1') === AGE_START;
}

/** Whoever may write the storage can put a plain archive in the place of an encrypted one, and nothing else there shows it. */
function assertMayBePlain(source: ByteSource, sidecar: OpenArchiveOptions['sidecar']): void {
  if (sidecar === undefined || (sidecar.encryption === 'none' && !source.name.endsWith('.age'))) return;
  throw damaged(source, 'it is said to be encrypted, and is not');
}

/** The start of the object, and all of its age header where it has one. */
async function readHead(source: ByteSource, headerBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  const { sizeBytes } = source;
  // The header size in the sidecar only saves a request; it is not trusted, so it is bounded.
  const guess = headerBytes > AGE_START.length ? Math.min(headerBytes, LARGEST_GUESS) : FIRST_LOOK;
  const first = Math.min(guess, sizeBytes);
  let head = await source.read(0, first, signal);
  while (isAge(head) && head.length < sizeBytes && ageHeaderSize(head) === undefined) {
    head = await source.read(0, Math.min(head.length * 4, sizeBytes), signal);
  }
  return head;
}

/** Counts and hashes the tar stream, and compares both with the sidecar. */
async function* hashed(
  source: ByteSource,
  tar: AsyncGenerator<Uint8Array>,
  facts: Mutable<ArchiveFacts>,
  { sidecar, maxTarBytes }: OpenArchiveOptions,
): AsyncGenerator<Uint8Array> {
  const limit = maxTarBytes ?? sidecar?.tarBytes ?? Math.max(ALWAYS_ALLOWED, source.sizeBytes * MAX_RATIO);
  const hash = createHash('sha256');
  for await (const chunk of tar) {
    facts.tarBytes += chunk.length;
    if (facts.tarBytes > limit) throw tooLarge(source, limit);
    hash.update(chunk);
    yield chunk;
  }
  facts.tarSha256 = hash.digest('hex');
  if (sidecar === undefined) return;
  if (facts.tarBytes !== sidecar.tarBytes || facts.tarSha256 !== sidecar.tarSha256) {
    throw damaged(source, 'its content is not what was written');
  }
}

/** An error of a format, with the name of the archive added. */
async function* named(source: ByteSource, tar: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* tar;
  } catch (error) {
    if (hasCode(error, 'SEAL_BROKEN') || hasCode(error, 'OBJECT_TRUNCATED'))
      throw damaged(source, error.message, error);
    throw error;
  }
}

function damaged({ name }: ByteSource, why: string, cause?: unknown): CairnError {
  return new CairnError('ARCHIVE_CORRUPT', `the archive ${name} is damaged: ${why}`, {
    cause,
    facts: { archive: name },
  });
}

function tooLarge({ name, sizeBytes }: ByteSource, limit: number): CairnError {
  return new CairnError('ARCHIVE_TOO_LARGE', `the archive ${name} holds more than ${limit} bytes in ${sizeBytes}`, {
    hint: 'That is how a file is made that fills a disk. If you trust it, allow more with --max-size (in code: `maxBytes`).',
    facts: { archive: name, sizeBytes, limit },
  });
}
