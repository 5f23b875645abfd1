// How an archive is compressed. Each block of the tar stream becomes a zstd frame or gzip member of its own, so that several
// threads can work at once; both formats say that such pieces, one after the other, are one stream.

export type ArchiveCodec = 'zstd' | 'gzip' | 'none';

/** Bytes of the tar stream in one frame: large enough that frames of their own cost next to nothing. */
export const BLOCK_BYTES: number = 1024 * 1024;
/** What does not shrink grows by less than this. */
export const BLOCK_ROOM: number = BLOCK_BYTES + BLOCK_BYTES / 64;
