import { chmodSync, readdirSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { CairnError, messageOf, systemCode } from './errors.ts';

/** Signals that end a program by default. */
const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * A private directory (0700) that goes away with its owner: when it is disposed, when the program exits, and when a signal
 * ends it. Where the program listens to a signal itself, that is its own affair: then the folder goes when the owner is disposed or
 * the program exits. Only `kill -9` leaves it behind.
 */
export class TemporaryFolder implements AsyncDisposable {
  readonly path: string;
  readonly #onSignal: () => void;

  private constructor(folder: string, onSignal: () => void) {
    this.path = folder;
    this.#onSignal = onSignal;
  }

  /** `onSignal` is called, synchronously, before the folder is removed by a signal: what writes into it has to end. */
  static async make(prefix: string, onSignal: () => void = () => {}, parent?: string): Promise<TemporaryFolder> {
    try {
      // A recognisable name, without characters that are unusual in file names.
      const made = await mkdtemp(path.join(parent ?? tmpdir(), `${prefix.replace(/[^\w.-]/gu, '_').slice(0, 40)}_`));
      const folder = new TemporaryFolder(made, onSignal);
      watch(folder);
      return folder;
    } catch (error) {
      throw new CairnError(
        'TARGET_INVALID',
        `cannot make a temporary directory in ${parent ?? tmpdir()}: ${messageOf(error)}`,
        {
          hint: 'Set TMPDIR to a directory that this user may write to.',
          cause: error,
          facts: { path: parent ?? tmpdir() },
        },
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await rm(this.path, removal);
    } catch (error) {
      if (systemCode(error) !== 'EACCES' && systemCode(error) !== 'EPERM') throw error;
      unlock(Buffer.from(this.path));
      await rm(this.path, removal);
    } finally {
      unwatch(this);
    }
  }

  /** Removes it synchronously, for when nothing can be awaited any more. */
  removeNow(): void {
    try {
      this.#onSignal();
      unlock(Buffer.from(this.path));
      rmSync(this.path, removal);
    } catch {
      // The program is ending: there is nobody left to tell.
    }
  }
}

const removal = { recursive: true, force: true, maxRetries: 3 } as const;

/** Gives the owner write access to every folder, without which nothing in it can be removed. */
function unlock(folder: Buffer): void {
  chmodSync(folder, 0o700);
  for (const entry of readdirSync(folder, { withFileTypes: true, encoding: 'buffer' })) {
    if (entry.isDirectory()) unlock(Buffer.concat([folder, Buffer.from('/'), entry.name]));
  }
}

// Signals come to the process, so what listens to them is the process's too: one listener for all folders.
const live = new Set<TemporaryFolder>();

function watch(folder: TemporaryFolder): void {
  if (live.size === 0) {
    for (const signal of ENDING_SIGNALS) process.on(signal, onSignal);
    process.on('exit', removeAll);
  }
  live.add(folder);
}

function unwatch(folder: TemporaryFolder): void {
  live.delete(folder);
  if (live.size > 0) return;
  for (const signal of ENDING_SIGNALS) process.off(signal, onSignal);
  process.off('exit', removeAll);
}

function removeAll(): void {
  for (const folder of live) folder.removeNow();
}

function onSignal(signal: NodeJS.Signals): void {
  // Somebody else listens too: a program with a way of its own to end.
  if (process.listenerCount(signal) > 1) return;
  removeAll();
  // As if nobody had listened: the program ends by the signal, and its parent sees that.
  process.off(signal, onSignal);
  process.kill(process.pid, signal);
}
