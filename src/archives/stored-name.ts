// Names of archives in a storage: `archives/<folder>/<folder>.<time>[-n].tar[.zst|.gz][.age]`. The folder is the name of
// the backup, percent-encoded where an object's name cannot hold it.
//
// Files of bakthat are recognised: `mydir.20130305193615.tgz.enc`, before its version 0.4 `mydir20130305193615.tgz`, and
// without compression `file.txt.20130305193615`.
import { createHash } from 'node:crypto';
import { utf8, utf8Lossy } from '../base/bytes.ts';
import { CairnArgumentError } from '../base/errors.ts';
import type { ArchiveCodec } from './codec.ts';

export const ARCHIVES = 'archives/' as const;
/** An object's component has at most 240 characters; time, number and endings take less than 60. */
const MAX_FOLDER = 170;
const HASH_DIGITS = 12;

export interface StoredName {
  readonly name: string;
  /** To the second. */
  readonly time: Date;
  /** From 2 on: another archive of that name was made in the same second. */
  readonly sequence: number;
  readonly codec: ArchiveCodec;
  readonly encrypted: boolean;
  /** `bakthat`: encrypted means Blowfish there, which age does not read. */
  readonly origin: 'cairn' | 'bakthat';
}

const extensions: Readonly<Record<ArchiveCodec, string>> = { zstd: '.zst', gzip: '.gz', none: '' };

/** The name of the object, without its folder. */
export function formatStoredName({ name, time, sequence, codec, encrypted }: Omit<StoredName, 'origin'>): string {
  const stamp = time.toISOString().replaceAll(/[-:]|\.\d+/gu, '');
  const number = sequence > 1 ? `-${sequence}` : '';
  return `${archiveFolder(name)}.${stamp}${number}.tar${extensions[codec]}${encrypted ? '.age' : ''}`;
}

const CAIRN =
  /^(?<name>.+)\.(?<stamp>\d{8}T\d{6}Z)(?:-(?<sequence>[1-9]\d{0,4}))?\.tar(?<codec>\.zst|\.gz)?(?<age>\.age)?$/u;
const BAKTHAT = /^(?<name>.+?)\.?(?<stamp>\d{14})(?<codec>\.tgz)?(?<enc>\.enc)?$/u;

/** What a stored name says, or `undefined` where it is none. */
export function parseStoredName(stored: string): StoredName | undefined {
  const ours = CAIRN.exec(stored)?.groups;
  if (ours !== undefined) {
    const time = timeOf(ours['stamp'] ?? '');
    const name = decodeFolder(ours['name'] ?? '');
    if (time === undefined || name === undefined) return undefined;
    const codec = ours['codec'] === '.zst' ? 'zstd' : ours['codec'] === '.gz' ? 'gzip' : 'none';
    const sequence = Number(ours['sequence'] ?? 1);
    return { name, time, sequence, codec, encrypted: ours['age'] !== undefined, origin: 'cairn' };
  }
  const theirs = BAKTHAT.exec(stored)?.groups;
  const time = timeOf(theirs?.['stamp'] ?? '');
  if (theirs === undefined || time === undefined) return undefined;
  const codec = theirs['codec'] === undefined ? 'none' : 'gzip';
  return {
    name: theirs['name'] ?? '',
    time,
    sequence: 1,
    codec,
    encrypted: theirs['enc'] !== undefined,
    origin: 'bakthat',
  };
}

/** The folder of all archives of a name, below `archives/`. Throws `ARGUMENT_INVALID` for an empty name. */
export function archiveFolder(name: string): string {
  if (name === '') throw new CairnArgumentError('the name of an archive cannot be empty');
  const encoded = Array.from(utf8(name), encodeByte).join('').replace(/^\./u, '%2E');
  if (encoded.length <= MAX_FOLDER) return encoded;
  // Cut between characters, and told apart by a hash; the sidecar has the whole name.
  const head = encoded.slice(0, MAX_FOLDER - HASH_DIGITS - 1).replace(/%.?$/u, '');
  return `${head}~${createHash('sha256').update(name).digest('hex').slice(0, HASH_DIGITS)}`;
}

/** The name of a folder, cut short where it was too long. */
function decodeFolder(folder: string): string | undefined {
  if (/%(?![0-9A-F]{2})/u.test(folder)) return undefined;
  return utf8Lossy(
    Buffer.from(
      folder.replaceAll(/%([0-9A-F]{2})/gu, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
      'latin1',
    ),
  );
}

function encodeByte(byte: number): string {
  const character = String.fromCharCode(byte);
  return /[\w.+-]/u.test(character) && byte < 0x80 ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

function timeOf(stamp: string): Date | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)T?(\d\d)(\d\d)(\d\d)Z?$/u.exec(stamp);
  if (parts === null) return undefined;
  const [, year, month, day, hour, minute, second] = parts;
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  // A date such as February 30 would become another one.
  return Number.isNaN(time.getTime()) || time.getUTCDate() !== Number(day) ? undefined : time;
}
