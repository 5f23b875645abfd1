import { CairnArgumentError } from '../../base/errors.ts';

/** How much unused data may stay in the vault: repacking less leaves more. */
export type MaxUnused = { readonly percent: number } | { readonly bytes: number } | 'unlimited';

export interface PruneRules {
  /** 5 percent of what the vault then takes by default, as in restic. */
  readonly maxUnused?: MaxUnused | undefined;
  /** Packs are repacked until so many bytes of them were read; no limit by default. */
  readonly maxRepackBytes?: number | undefined;
  /** Leave packs of data as they are: only trees are repacked, which a cache has. By default where the vault has a cold class. */
  readonly repackCacheableOnly?: boolean | undefined;
  /** Repack every pack that is smaller than four fifths of `packSizeBytes`. */
  readonly repackSmall?: boolean | undefined;
  /** Compress data that is stored as it is, in a vault of version 2. */
  readonly repackUncompressed?: boolean | undefined;
  /** Size of new packs; 16 MiB by default. */
  readonly packSizeBytes?: number | undefined;
}

export type CompleteRules = { readonly [K in keyof PruneRules]-?: NonNullable<PruneRules[K]> };

const MIB = 1024 * 1024;

/** Throws `ARGUMENT_INVALID`. */
export function completeRules(rules: PruneRules, version: 1 | 2): CompleteRules {
  const maxUnused = rules.maxUnused ?? { percent: 5 };
  const limit = maxUnused === 'unlimited' ? 0 : 'percent' in maxUnused ? maxUnused.percent : maxUnused.bytes;
  if (!(limit >= 0)) throw new CairnArgumentError('the unused part of a vault cannot be negative');
  const maxRepackBytes = rules.maxRepackBytes ?? Number.POSITIVE_INFINITY;
  if (!(maxRepackBytes >= 0)) throw new CairnArgumentError('a limit for repacking cannot be negative');
  const packSizeBytes = rules.packSizeBytes ?? 16 * MIB;
  if (!(packSizeBytes >= 4 * MIB && packSizeBytes <= 128 * MIB)) {
    throw new CairnArgumentError('packs have 4 to 128 MiB');
  }
  if (rules.repackUncompressed === true && version === 1) {
    throw new CairnArgumentError('a vault of version 1 does not compress', { hint: 'Run `cairn migrate` first.' });
  }
  return {
    maxUnused,
    maxRepackBytes,
    repackCacheableOnly: rules.repackCacheableOnly ?? false,
    repackSmall: rules.repackSmall ?? false,
    repackUncompressed: rules.repackUncompressed ?? false,
    packSizeBytes,
  };
}

/** Bytes of unused blobs that may stay beside so many used ones. */
export function maxUnusedBytes(maxUnused: MaxUnused, usedBytes: number): number {
  if (maxUnused === 'unlimited') return Number.POSITIVE_INFINITY;
  if ('bytes' in maxUnused) return maxUnused.bytes;
  const { percent } = maxUnused;
  // A share of all bytes, used and unused, not of the used ones.
  return percent >= 100 ? Number.POSITIVE_INFINITY : (usedBytes * percent) / (100 - percent);
}
