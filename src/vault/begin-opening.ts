import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import type { Secret } from '../base/secret.ts';
import { decodeKeyFile, deriveKeyAhead } from '../formats/crypto/key-file.ts';
import { beginScryptThread, lendScryptThread } from '../kernels/scrypt-thread/scrypt-thread.ts';
import { folderOf, idOfName } from '../repository/layout.ts';

/** What will be opened, as far as it can be told already. */
export interface OpeningGuess {
  /** A vault in a folder of this machine. */
  readonly folder: string;
  readonly password: Secret;
}

/**
 * Begins what opening a vault waits for longest: a thread that derives the key, and, where the vault and its password
 * can be told, the derivation itself. For those who will open one soon and have other work until then. A wrong guess costs time
 * of another core; a thread that nobody uses ends with the process. On a single core there is nothing to win. `idle` is a thread
 * that understands `MixTask` and has nothing else to do until then.
 */
export function beginOpening(guess: OpeningGuess | undefined, idle: Worker | undefined): void {
  if (idle !== undefined) lendScryptThread(idle);
  if (beginScryptThread() === undefined || guess === undefined) return;
  try {
    const keys = join(guess.folder, folderOf('key'));
    // The one that opening tries first (src/repository/open-key.ts).
    const [first] = readdirSync(keys)
      .filter((name) => idOfName('key', `${folderOf('key')}${name}`) !== undefined)
      .toSorted();
    if (first !== undefined) deriveKeyAhead(decodeKeyFile(readFileSync(join(keys, first))), guess.password.reveal());
  } catch {
    // Whoever opens the vault finds the same, and tells it.
  }
}
