import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import type { Secret } from '../base/secret.ts';
import { decodeKeyFile, deriveKeyAhead, type KeyDerivation } from '../formats/crypto/key-file.ts';
import { isScryptQuick } from '../kernels/scrypt.ts';
import { beginScryptThread, lendScryptThread } from '../kernels/scrypt-thread/scrypt-thread.ts';
import { folderOf, idOfName } from '../repository/layout.ts';

/** What will be opened, as far as it can be told already. */
export interface OpeningGuess {
  readonly place: GuessedPlace;
  readonly password: Secret;
}

export type GuessedPlace =
  /** A vault in a folder of this machine. */
  | { readonly kind: 'folder'; readonly folder: string }
  /** One elsewhere that was opened before. */
  | { readonly kind: 'remote'; readonly derivation: KeyDerivation };

/**
 * Begins what opening a vault waits for longest: a thread that derives the key, and, where the vault and its password
 * can be told, the derivation itself. For those who will open one soon and have other work until then. A wrong guess costs time
 * of another core; a thread that nobody uses ends with the process. On a single core there is nothing to win. `idle` is a thread
 * that understands `MixTask` and has nothing else to do until then.
 */
export function beginOpening(guess: OpeningGuess | undefined, idle: Worker | undefined): void {
  if (idle !== undefined) lendScryptThread(idle);
  const derivation = guess === undefined ? undefined : knownDerivation(guess.place);
  // Of a generated key it takes 2 ms, and a thread 25.
  const needsThread = derivation === undefined || !isScryptQuick(derivation);
  if (needsThread && beginScryptThread() === undefined) return;
  if (guess !== undefined && derivation !== undefined) deriveKeyAhead(derivation, guess.password.reveal());
}

function knownDerivation(place: GuessedPlace): KeyDerivation | undefined {
  try {
    return derivationOf(place);
  } catch {
    // Whoever opens the vault finds the same, and tells it.
    return undefined;
  }
}

/** `undefined` also for a key file that is damaged: the cost it asks for may be another one, of a minute and a gigabyte. */
export function derivationOf(place: GuessedPlace): KeyDerivation | undefined {
  if (place.kind === 'remote') return place.derivation;
  const keys = join(place.folder, folderOf('key'));
  // The one that opening tries first (src/repository/open-key.ts).
  const [first] = readdirSync(keys)
    .filter((name) => idOfName('key', `${folderOf('key')}${name}`) !== undefined)
    .toSorted();
  if (first === undefined) return undefined;
  const bytes = readFileSync(join(keys, first));
  return hash('sha256', bytes) === first ? decodeKeyFile(bytes) : undefined;
}
