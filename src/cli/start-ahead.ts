import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { archiverThread } from '../archiver/archiver-thread.ts';
import { loadKoffi } from '../base/posix/koffi.ts';
import { beginWorker, type WorkerKind } from '../base/start-worker.ts';
import { restorerThread } from '../restorer/restorer-thread.ts';
import { beginOpening } from '../vault/begin-opening.ts';
import { defaultCacheFolder } from '../vault/cache-folder.ts';
import { guessOpening } from './guess-opening.ts';

/**
 * What pays before the code of a command is loaded: the threads that will read or write files, and the key that opening the
 * vault will wait for, where another thread can derive it meanwhile. A guess from the arguments is enough: what is begun and not
 * wanted costs time only, of another core.
 */
export function startAhead(argv: readonly string[], env: NodeJS.ProcessEnv): void {
  if (argv.includes('--help') || argv.includes('-h') || availableParallelism() === 1) return;
  const guess = guessOpening(argv, env);
  // A thread costs what only looks as much as it saves, unless the vault is far away: then the key is ready when its file has come.
  if (!argv.includes('backup') && !argv.includes('restore') && guess?.place.kind !== 'remote') return;
  const kind = threadsOf(argv, env);
  beginOpening(guess, kind === undefined ? undefined : beginThread(kind, env));
}

/** The threads that the command needs in any case. */
function threadsOf(argv: readonly string[], env: NodeJS.ProcessEnv): WorkerKind | undefined {
  if (argv.some((word) => /^(-j|--jobs)/.test(word))) return undefined;
  if (argv.includes('restore')) return restorerThread;
  if (!argv.includes('backup')) return undefined;
  if (argv.includes('--force') || argv.includes('-f')) return archiverThread;
  // A machine without that folder has no backup yet, and reads everything.
  const folder = defaultCacheFolder(env);
  return folder === undefined || !existsSync(folder) ? archiverThread : undefined;
}

/** One of them: until there is something else to do, it derives the key. */
function beginThread(kind: WorkerKind, env: NodeJS.ProcessEnv): Worker {
  findNativeLibrary(env);
  return beginWorker(kind);
}

/** The threads find it where this one has found it, which spares them half of their loading. */
function findNativeLibrary(env: NodeJS.ProcessEnv): void {
  if (env['CAIRN_NATIVE'] === 'off') return;
  try {
    loadKoffi();
  } catch {
    // Everything works without it.
  }
}
