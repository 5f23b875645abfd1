// Archives as files: what they are called, and how they are read.
import { open, readFile, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import type { ByteSource } from '../../archives/read/object-bytes.ts';
import { openArchive } from '../../archives/read/open-archive.ts';
import { sidecarOf } from '../../archives/shelf/shelf-listing.ts';
import { decodeSidecar, type Sidecar } from '../../archives/sidecar.ts';
import { parseStoredName } from '../../archives/stored-name.ts';
import { CairnError, hasCode, messageOf, systemCode } from '../../base/errors.ts';
import { assertName } from '../actions/backup-name.ts';
import { momentStart } from '../reference/moment.ts';
import { type ArchiveKeys, askKeys, describeKeyError } from './archive-access.ts';

/** What an archive is called, when and where it was made; by default what is known of the file. */
export interface NamingOptions {
  readonly name?: string | undefined;
  readonly time?: Date | string | undefined;
  readonly host?: string | undefined;
  readonly tags?: readonly string[] | undefined;
}

/** Opens what is in a file or on the shelf. Throws what `openArchive` throws, with the name of the archive. */
export async function openContent(
  { source, sidecar }: Pick<ArchiveFile, 'source' | 'sidecar'>,
  options: ArchiveKeys,
  vaultPassword: Parameters<typeof askKeys>[1],
  signal: AbortSignal,
): ReturnType<typeof openArchive> {
  try {
    const identities = askKeys(options, vaultPassword);
    return await openArchive(source, { sidecar, identities, maxTarBytes: options.maxBytes, signal });
  } catch (error) {
    if (hasCode(error, 'SEAL_BROKEN') || hasCode(error, 'FORMAT_INVALID')) {
      throw new CairnError('ARCHIVE_CORRUPT', `${source.name} is damaged: ${error.message}`, { cause: error });
    }
    throw describeKeyError(error, source.name);
  }
}

/** An archive outside of the vault. */
export interface ArchiveFile extends AsyncDisposable {
  readonly source: ByteSource;
  readonly mtime: Date;
  /** The sidecar beside it, `<file>.json`, as on the shelf that it may come from. */
  readonly sidecar: Sidecar | undefined;
}

/** Throws `SOURCE_MISSING`, `SOURCE_UNREADABLE`. */
export async function openArchiveFile(file: string): Promise<ArchiveFile> {
  try {
    if ((await stat(file)).isDirectory()) throw new Error('it is a folder');
    const handle = await open(file);
    const { size, mtime } = await handle.stat();
    const source: ByteSource = {
      name: basename(file),
      sizeBytes: size,
      read: async (offset, length, signal) => {
        signal.throwIfAborted();
        const buffer = Buffer.allocUnsafeSlow(length);
        let done = 0;
        while (done < length) {
          const { bytesRead } = await handle.read(buffer, done, length - done, offset + done);
          if (bytesRead === 0) throw new CairnError('SOURCE_CHANGED', `${file} shrank while it was read`);
          done += bytesRead;
        }
        return buffer;
      },
    };
    return { source, mtime, sidecar: await sidecarBeside(file), [Symbol.asyncDispose]: () => handle.close() };
  } catch (error) {
    const code = systemCode(error) === 'ENOENT' ? 'SOURCE_MISSING' : 'SOURCE_UNREADABLE';
    throw new CairnError(code, `cannot read ${file}: ${messageOf(error)}`, { cause: error, facts: { path: file } });
  }
}

/** `undefined` where there is no such file, or it is no sidecar. */
async function sidecarBeside(file: string): Promise<Sidecar | undefined> {
  try {
    return decodeSidecar(await readFile(sidecarOf(file)));
  } catch {
    return undefined;
  }
}

function blowfish(stored: string): CairnError {
  return new CairnError(
    'NOT_SUPPORTED',
    `${stored} is encrypted as bakthat did it, with Blowfish and without authentication`,
    {
      hint: 'Decrypt it with `beefish -d`, check what is in it, and import the .tgz.',
    },
  );
}

export type Naming = Pick<Sidecar, 'name' | 'time' | 'host' | 'tags'>;

/** What an imported archive is called: what the options say, else the sidecar beside it, else the name of the file. */
export function namingOf(
  { source, mtime, sidecar }: Omit<ArchiveFile, typeof Symbol.asyncDispose>,
  options: NamingOptions,
): Naming {
  const stored = source.name;
  const parsed = parseStoredName(stored);
  if (parsed?.origin === 'bakthat' && parsed.encrypted) throw blowfish(stored);
  const name = options.name ?? sidecar?.name ?? parsed?.name ?? withoutEndings(stored);
  assertName(name);
  const time =
    options.time === undefined
      ? (sidecar?.time ?? parsed?.time ?? mtime)
      : new Date(Number(momentStart(options.time) / 1_000_000n));
  return { name, time, host: options.host ?? sidecar?.host ?? hostname(), tags: options.tags ?? sidecar?.tags ?? [] };
}

function withoutEndings(stored: string): string {
  const name = stored.replace(/(?:\.(?:age|zst|gz|tgz|tzst|tar))+$/iu, '');
  return name === '' ? stored : name;
}
