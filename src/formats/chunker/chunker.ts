// Where a file is cut into blobs. Any cutting is valid in restic's format; which one a repository
// uses decides only what deduplicates with what.
import { CairnArgumentError } from '../../base/errors.ts';
import { chunkSizes } from '../../kernels/chunk-sizes.ts';
import type { Kernels } from '../../kernels/kernels.ts';

/**
 * `gear`: the default of repositories made here (docs/format/gear-chunker.md). `rabin`: restic's, with
 * the repository's polynomial. `fixed`: every `size` bytes, for paged files; a multiple of the page
 * size keeps pages whole, and a page that changes in place changes one blob.
 */
export type ChunkerSpec =
  | { readonly kind: 'gear' }
  | { readonly kind: 'rabin'; readonly polynomial: bigint }
  | { readonly kind: 'fixed'; readonly size: number };

/** Sizes in bytes. */
export interface Chunker {
  /** Only the last chunk of a file is smaller. */
  readonly minSize: number;
  readonly maxSize: number;
  /**
   * The end of the chunk that starts at `start` of the kernels' memory, with data up to `end`. Either
   * at least `maxSize` bytes are there, or the file ends at `end`. `start` is less than `end`.
   */
  cut(start: number, end: number): number;
}

/**
 * A chunker over the memory of `kernels`. Only one polynomial can be set in it at a time: the rabin
 * chunker made last works. Throws `ARGUMENT_INVALID` for an impossible polynomial or size.
 */
export function createChunker(kernels: Kernels, spec: ChunkerSpec): Chunker {
  const contentDefined = { minSize: chunkSizes.min, maxSize: chunkSizes.max };
  switch (spec.kind) {
    case 'gear':
      return { ...contentDefined, cut: (start, end) => kernels.gearCut(start, end) };
    case 'rabin':
      kernels.setPolynomial(spec.polynomial);
      return { ...contentDefined, cut: (start, end) => kernels.rabinCut(start, end) };
    case 'fixed':
      return fixedChunker(spec.size);
    default:
      return spec satisfies never;
  }
}

function fixedChunker(size: number): Chunker {
  if (!Number.isInteger(size) || size < 512 || size > chunkSizes.max || size % 512 !== 0) {
    throw new CairnArgumentError(`fixed chunks have a multiple of 512 bytes, at most 8 MiB; got ${size}`);
  }
  return { minSize: size, maxSize: size, cut: (start, end) => Math.min(start + size, end) };
}
