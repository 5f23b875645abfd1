// An archive file onto the shelf: read and verified to its end first, so that what is listed can be restored.
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import { type ByteSource, streamFrom } from '../../archives/read/object-bytes.ts';
import { openArchive } from '../../archives/read/open-archive.ts';
import { entryPath } from '../../archives/read/entry-path.ts';
import { readEntries } from '../../archives/read/read-entries.ts';
import { putArchive } from '../../archives/shelf/write-archive.ts';
import type { Sidecar } from '../../archives/sidecar.ts';
import { parseStoredName } from '../../archives/stored-name.ts';
import { CairnError, hasCode, messageOf, systemCode } from '../../base/errors.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { assertName } from '../actions/backup-name.ts';
import { RateMeter } from '../actions/rate-meter.ts';
import { archiveEntry } from '../catalog/catalog-entry.ts';
import { programVersion } from '../program-version.ts';
import { type ArchiveDetails, archiveDetails } from '../reference/backup-details.ts';
import { momentStart } from '../reference/moment.ts';
import { type ArchiveKeys, askKeys, describeKeyError } from './archive-access.ts';
import { describeSettled } from './describe-settled.ts';

export interface ImportOptions extends ArchiveKeys {
  /** By default what the name of the file says: `mydir.20261125T233000Z.tar.zst.age`, or a name of bakthat. */
  readonly name?: string | undefined;
  readonly time?: Date | string | undefined;
  readonly host?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly coldClass?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Throws `SOURCE_MISSING`, `ARCHIVE_CORRUPT`, `PASSWORD_WRONG`, `IDENTITY_MISSING`, `NOT_SUPPORTED`; nothing is listed then. */
export async function importArchive(
  context: ActionContext,
  file: string,
  options: ImportOptions,
): Promise<ArchiveDetails> {
  const { repository, settings, signal } = context;
  await using opened = await openFile(file);
  const { mtime } = await opened.handle.stat();
  const naming = namingOf(file, mtime, options);
  const progress = importProgress(context, 2 * opened.source.sizeBytes);
  const sidecar = await describeFile(context, opened.source, naming, options, progress);
  const hash = createHash('sha256');
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of streamFrom(opened.source, 0, signal)) {
      hash.update(piece);
      yield piece;
      progress(piece.length);
    }
  };
  const { codec, encryption, name, time } = sidecar;
  const archive = await putArchive(
    repository.origin,
    { name, time, codec, encrypted: encryption !== 'none' },
    {
      chunks: chunks(),
      describe: () => {
        if (hash.digest('hex') === sidecar.storedSha256) return sidecar;
        throw new CairnError('SOURCE_CHANGED', `${file} changed while it was imported; nothing was kept`);
      },
    },
    {
      signal,
      coldClass: options.coldClass,
      onSettled: (settled) => settings.notify({ level: 'info', message: describeSettled(settled) }),
    },
  );
  const details = archiveDetails(archive);
  settings.catalog?.recordBackup(archiveEntry(details));
  return details;
}

type Naming = Pick<Sidecar, 'name' | 'time' | 'host' | 'tags'>;

function namingOf(file: string, mtime: Date, options: ImportOptions): Naming {
  const stored = basename(file);
  const parsed = parseStoredName(stored);
  if (parsed?.origin === 'bakthat' && parsed.encrypted) throw blowfish(stored);
  const name = options.name ?? parsed?.name ?? withoutEndings(stored);
  assertName(name);
  const time =
    options.time === undefined ? (parsed?.time ?? mtime) : new Date(Number(momentStart(options.time) / 1_000_000n));
  return { name, time, host: options.host ?? hostname(), tags: options.tags ?? [] };
}

function withoutEndings(stored: string): string {
  const name = stored.replace(/(?:\.(?:age|zst|gz|tgz|tzst|tar))+$/iu, '');
  return name === '' ? stored : name;
}

/** Everything about the file that a sidecar says; reads it to its end. */
async function describeFile(
  { settings, signal }: ActionContext,
  source: ByteSource,
  naming: Naming,
  options: ImportOptions,
  progress: (bytes: number) => void,
): Promise<Sidecar> {
  const counts = { fileCount: 0, directoryCount: 0, sourceBytes: 0, problems: 0 };
  const tops = new Set<string>();
  const { tar, encryption, facts, fetched } = await openImported(source, options, settings.password, signal);
  let told = 0;
  const { isEnded } = await readEntries(
    tar,
    {
      entry: ({ kind, name, sizeBytes }) => {
        const path = entryPath(name);
        // Of two tops none is told, so what leads out is as good as a second one.
        tops.add(path.kind === 'path' ? (path.parts[0] ?? '') : '..');
        if (kind === 'dir') counts.directoryCount++;
        else counts.fileCount++;
        counts.sourceBytes += Number(sizeBytes);
      },
      data: () => {},
      end: () => {},
      unknown: () => void counts.problems++,
    },
    () => {
      progress(fetched() - told);
      told = fetched();
      return undefined;
    },
  );
  if (counts.fileCount + counts.directoryCount === 0) {
    throw new CairnError('ARCHIVE_CORRUPT', `${source.name} is no tar archive, or an empty one`, {
      hint: 'A file that bakthat stored without compression is no archive: back it up as a file.',
    });
  }
  if (!isEnded) {
    const message = `${source.name} ends without the mark that ends a tar stream: if it was cut off, what came behind is not in it`;
    settings.notify({ level: 'warning', message });
  }
  const [top = '', ...otherTops] = tops;
  return {
    ...naming,
    // Where it was on its machine nobody says; the last component is what a restore needs.
    paths:
      top !== '' && top !== '..' && otherTops.length === 0 ? [`/${Buffer.from(top, 'latin1').toString('utf8')}`] : [],
    encryption: encryption === 'none' ? 'none' : `age-${encryption}`,
    ...facts(),
    ...counts,
    storedBytes: source.sizeBytes,
    program: `cairn ${programVersion()}`,
  };
}

async function openImported(
  source: ByteSource,
  options: ImportOptions,
  vaultPassword: Parameters<typeof askKeys>[1],
  signal: AbortSignal,
): ReturnType<typeof openArchive> {
  try {
    const identities = askKeys(options, vaultPassword);
    return await openArchive(source, { sidecar: undefined, identities, maxTarBytes: options.maxBytes, signal });
  } catch (error) {
    if (hasCode(error, 'SEAL_BROKEN') || hasCode(error, 'FORMAT_INVALID')) {
      throw new CairnError('ARCHIVE_CORRUPT', `${source.name} is damaged: ${error.message}`, { cause: error });
    }
    throw describeKeyError(error, source.name);
  }
}

interface OpenedFile extends AsyncDisposable {
  readonly handle: FileHandle;
  readonly source: ByteSource;
}

/** Throws `SOURCE_MISSING`, `SOURCE_UNREADABLE`. */
async function openFile(file: string): Promise<OpenedFile> {
  try {
    const handle = await open(file);
    const { size } = await handle.stat();
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
    return { handle, source, [Symbol.asyncDispose]: () => handle.close() };
  } catch (error) {
    const code = systemCode(error) === 'ENOENT' ? 'SOURCE_MISSING' : 'SOURCE_UNREADABLE';
    throw new CairnError(code, `cannot read ${file}: ${messageOf(error)}`, { cause: error, facts: { path: file } });
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

function importProgress({ report }: ActionContext, total: number): (bytes: number) => void {
  const meter = new RateMeter();
  let completed = 0;
  return (count) => {
    completed += count;
    meter.note(completed);
    const { rate } = meter;
    const etaMs = meter.etaMs(completed, total);
    report({
      phase: 'import',
      completed,
      total,
      unit: 'bytes',
      description: '',
      bytes: completed,
      errors: 0,
      ...(rate === undefined ? {} : { rate }),
      ...(etaMs === undefined ? {} : { etaMs }),
    });
  };
}
