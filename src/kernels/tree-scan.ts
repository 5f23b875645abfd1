// What `scanTree` is given and gives back: a block of memory, little-endian words (src/kernels/assembly/tree-scan.ts has
// the same numbers). Records are laid out as in src/restorer/records/entry-record.ts.
//
//   0 |   4 | at           the next byte of the tree; then where it stopped, behind the last whole entry
//   4 |   4 | end          the end of the bytes that are there; TREE_SCAN_GUARD bytes behind it are overwritten
//   8 |   4 | records      where the next record goes, a multiple of 8; then the end of the records
//  12 |   4 | ids          where the next content id goes, a multiple of 4; then the end of the ids
//  16 |   4 | phase        see TreeScanPhase
//  20 |   4 | name length  of the last entry's name, 0 before the first
//  24 | 255 | name
//
// An entry of content id: 32 bytes of it, then the address of the word in the records for which it stands (4), which
// says for now that the blob is missing.
// Neither records nor ids take more room than the bytes read, but for what an entry that is cut off has begun.

export const TREE_SCAN_BLOCK_BYTES = 280;
/** More than is ever read, or written of an entry that turns out to be none, beyond the bytes that are there. */
export const TREE_SCAN_GUARD = 128;
export const CONTENT_ID_BYTES = 36;

/** Words of the block. */
export const TreeScanWord = { at: 0, end: 1, records: 2, ids: 3, phase: 4, nameLength: 5 } as const;

export const TreeScanPhase = {
  /** Before `{"nodes":[`. */
  before: 0,
  /** Behind an entry. */
  between: 1,
  /** Behind the end of the tree. */
  behind: 2,
} as const;
