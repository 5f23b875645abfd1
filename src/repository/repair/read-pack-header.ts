import { CairnError, hasCode } from '../../base/errors.ts';
import type { PackId } from '../../base/ids.ts';
import { openBytes } from '../../formats/crypto/sealed.ts';
import { decodePackHeader, decodePackTrailer, PACK_TRAILER, type PackEntry } from '../../formats/pack/pack-header.ts';
import { objectName } from '../layout.ts';
import type { Repository } from '../repository.ts';
import { damagedFile } from '../stored-file.ts';

/** Enough for some hundred blobs in one request. */
const TAIL_BYTES = 16 * 1024;

const damageCodes = ['SEAL_BROKEN', 'PACK_CORRUPT', 'OBJECT_TRUNCATED', 'FORMAT_INVALID'] as const;

/** Whether an error says that what was read is bad, and not that it could not be read. */
export function isDamage(error: unknown): boolean {
  return damageCodes.some((code) => hasCode(error, code));
}

/**
 * What the header of a stored pack lists, read from the vault itself. Throws `PACK_CORRUPT`, naming the pack, when that
 * was bad twice, `OBJECT_MISSING`, and what the storage throws.
 */
export async function readPackHeader(
  repository: Repository,
  id: PackId,
  sizeBytes: number,
  signal: AbortSignal | undefined,
): Promise<PackEntry[]> {
  let bad: unknown;
  for (let attempt = 0; attempt < 2; attempt++) {
    signal?.throwIfAborted();
    try {
      return await readOnce(repository, id, sizeBytes, signal);
    } catch (error) {
      if (!isDamage(error)) throw error;
      bad = error;
    }
  }
  throw damagedFile('pack', id, bad instanceof Error ? bad.message : 'its header cannot be read', bad);
}

async function readOnce(
  { origin, codec, key }: Repository,
  id: PackId,
  sizeBytes: number,
  signal: AbortSignal | undefined,
): Promise<PackEntry[]> {
  if (sizeBytes < PACK_TRAILER) throw new CairnError('PACK_CORRUPT', 'it is too short for a header');
  const name = objectName('pack', id);
  const tailSize = Math.min(sizeBytes, TAIL_BYTES);
  const tail = await origin.read(name, { offset: sizeBytes - tailSize, length: tailSize, signal });
  const { headerOffset, headerLength } = decodePackTrailer(tail, sizeBytes);
  const inTail = headerOffset - (sizeBytes - tailSize);
  const sealed =
    inTail >= 0
      ? tail.subarray(inTail, inTail + headerLength)
      : await origin.read(name, { offset: headerOffset, length: headerLength, signal });
  return decodePackHeader(openBytes(codec, key, sealed), headerOffset);
}
