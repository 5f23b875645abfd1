// What `cairn doctor` looks at: this machine, and whether the vault can be used from it.
import { randomBytes } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import { availableParallelism, freemem } from 'node:os';
import { isCairnError, messageOf } from '../base/errors.ts';
import { openPosix } from '../base/posix/open-posix.ts';
import { createCodec } from '../kernels/codec.ts';
import { unfinishedChanges } from '../repository/keys.ts';
import type { StorageSettings } from './storage-settings.ts';
import { openStorageStack } from './storage-stack.ts';
import type { Vault } from './vault.ts';

/** One thing that was looked at. */
export interface Diagnosis {
  readonly subject: string;
  readonly status: 'ok' | 'warning' | 'failed';
  readonly message: string;
  /** What to do about it. */
  readonly hint: string | null;
}

const NATIVE_HINT =
  'The dependency koffi does not load here, or CAIRN_NATIVE is `off`. Try `npm rebuild koffi`; not every platform has it.';

const MIN_MEMORY = 256 * 1024 * 1024;
const MIN_FREE = 1024 * 1024 * 1024;

/** Whether this machine has what makes Cairn complete and fast. */
export function diagnoseMachine(): Diagnosis[] {
  const codec = createCodec();
  const posix = openPosix();
  const memory = freemem();
  return [
    ok('node', `Node ${process.versions.node} on ${process.platform}-${process.arch}, ${availableParallelism()} cores`),
    codec.kind === 'native'
      ? ok('encryption', 'uses the fast path to the OpenSSL and zstd that Node brings')
      : warning('encryption', 'works, but slower: the fast path to OpenSSL and zstd is not usable here', NATIVE_HINT),
    posix.kind === 'native'
      ? ok('system calls', 'owners, extended attributes, nanosecond times, devices and holes are kept')
      : warning(
          'system calls',
          'without them extended attributes are neither saved nor restored, devices not restored, times only to the microsecond',
          NATIVE_HINT,
        ),
    memory >= MIN_MEMORY
      ? ok('memory', `${mib(memory)} MiB free`)
      : warning(
          'memory',
          `only ${mib(memory)} MiB free; a backup takes up to 250 MiB`,
          'Use fewer threads with --jobs 1.',
        ),
    process.getuid?.() === 0
      ? ok('user', 'root: every file can be read, and owners are restored')
      : ok('user', 'not root: files of others may be unreadable, and are restored as yours'),
  ];
}

/** Whether the storage of a vault can be reached, read and written, without opening the vault. */
export async function diagnoseStorage(
  url: string,
  signal: AbortSignal,
  settings: StorageSettings = {},
): Promise<Diagnosis[]> {
  const found: Diagnosis[] = [];
  // Once more for what passes in a moment; who asks how the storage is does not wait for it to come back.
  const stack = await openStorageStack(url, { ...settings, giveUpAfterMs: 2000 }, () => {}, { signal });
  await using storage = stack.storage;
  found.push(
    await attempt('storage', async () => {
      const config = await storage.stat('config', { signal });
      return config === undefined
        ? warning(
            'storage',
            `there is no vault at ${storage.url}`,
            'Make one with `cairn init`, or with the first `cairn backup`.',
          )
        : ok('storage', `there is a vault at ${storage.url}`);
    }),
  );
  if (found.some(({ status }) => status !== 'ok')) return found;
  found.push(
    await attempt('writing', async () => {
      // `locks/` holds short-lived files; this name is no lock id, so nobody takes it for one.
      const name = `locks/doctor-${randomBytes(8).toString('hex')}`;
      const written = randomBytes(1024);
      await storage.write(name, written, { ifAbsent: true, signal });
      try {
        const read = await storage.read(name, { signal });
        if (!written.equals(read))
          return failed(
            'writing',
            'what was written came back different',
            'Do not trust this storage; check the disk.',
          );
        return ok('writing', 'a test object was written, read back and removed');
      } finally {
        await storage.remove(name);
      }
    }),
  );
  const { localPath } = storage.features;
  if (localPath !== undefined) found.push(await attempt('space', () => diagnoseSpace(localPath)));
  return found;
}

/** Whether an open vault is in order, as far as a quick look tells. */
export async function diagnoseVault(vault: Vault, signal: AbortSignal): Promise<Diagnosis[]> {
  const keys = await vault.keys({ signal });
  let newest: Date | undefined;
  let count = 0;
  for await (const { time } of vault.list({ signal })) {
    newest = time;
    count++;
  }
  const { version, chunker } = vault.config;
  return [
    unfinishedChanges(keys).length === 0
      ? ok('password', `opens key ${vault.keyId.slice(0, 8)}, one of ${keys.length}`)
      : warning(
          'password',
          'a change of the password was interrupted: the old and the new one open the vault',
          'Run `cairn key passwd` again, with either of them; `cairn key list` shows the keys.',
        ),
    ok('format', `restic repository version ${version}, ${chunker} chunker`),
    newest === undefined
      ? warning('backups', 'there is none yet', 'Make one with `cairn backup PATH`.')
      : ok('backups', `${count}, the newest of ${newest.toISOString()}`),
  ];
}

async function diagnoseSpace(path: string): Promise<Diagnosis> {
  const { bavail, bsize } = await statfs(path);
  const free = bavail * bsize;
  if (free < MIN_FREE)
    return warning('space', `only ${mib(free)} MiB left for ${path}`, 'Make room before the next backup.');
  return ok('space', `${mib(free)} MiB left for ${path}`);
}

async function attempt(subject: string, look: () => Promise<Diagnosis>): Promise<Diagnosis> {
  try {
    return await look();
  } catch (error) {
    return failed(subject, messageOf(error), (isCairnError(error) ? error.hint : undefined) ?? null);
  }
}

function mib(bytes: number): string {
  return String(Math.floor(bytes / 1024 / 1024));
}

function ok(subject: string, message: string): Diagnosis {
  return { subject, status: 'ok', message, hint: null };
}

function warning(subject: string, message: string, hint: string): Diagnosis {
  return { subject, status: 'warning', message, hint };
}

function failed(subject: string, message: string, hint: string | null): Diagnosis {
  return { subject, status: 'failed', message, hint };
}
