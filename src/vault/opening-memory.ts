// How the key of a vault far away is derived, kept in the cache folder, so that the derivation can begin before the key file has
// come. It holds what a key file says to everybody, and of the place only its hash.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { equalBytes } from '../base/bytes.ts';
import { makeFolders } from '../base/make-folders.ts';
import { decodeDerivation, encodeDerivation, type KeyDerivation } from '../formats/crypto/key-file.ts';

/** The folder of these files in a cache folder. */
export const OPENINGS = 'openings';

/** What was kept of the vault at `place`, as the user writes it; `undefined` where that is nothing of use. */
export function recallOpening(cacheFolder: string, place: string): KeyDerivation | undefined {
  try {
    return decodeDerivation(readFileSync(fileOf(cacheFolder, place)));
  } catch {
    return undefined;
  }
}

/**
 * Keeps it for the next time. Where that fails, the next time takes longer, and nothing else. Not for a place with a password in it, whose
 * hash would let others try passwords.
 */
export async function rememberOpening(cacheFolder: string, place: string, derivation: KeyDerivation): Promise<void> {
  const file = fileOf(cacheFolder, place);
  const bytes = encodeDerivation(derivation);
  try {
    const known = await readFile(file).catch(() => undefined);
    if (known !== undefined && equalBytes(known, bytes)) return;
    await makeFolders(join(cacheFolder, OPENINGS), 0o700);
    await writeFile(`${file}.${process.pid}`, bytes, { mode: 0o600 });
    await rename(`${file}.${process.pid}`, file);
  } catch {
    // A cache that cannot be written is told of where it matters.
  }
}

function fileOf(cacheFolder: string, place: string): string {
  return join(cacheFolder, OPENINGS, createHash('sha256').update(place).digest('hex'));
}
