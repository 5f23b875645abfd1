// How large zstd data can become, from its frame and block headers alone (RFC 8878 §3.1.1), so that a
// decoder can allocate once and a lying header cannot make it allocate more than the data can fill.
import { CairnError } from '../base/errors.ts';

const FRAME_MAGIC = 0xfd2f_b528;
const SKIPPABLE_MAGIC = 0x184d_2a50;
const SKIPPABLE_MASK = 0xffff_fff0;
const MAX_BLOCK_SIZE = 128 * 1024;
const RAW_BLOCK = 0;
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;

/**
 * An upper bound, in bytes, of what `data` (one or more frames) decompresses to; exact for frames that tell
 * their content size and do not lie. Throws `COMPRESSION_INVALID` if the frames are not well-formed.
 */
export function zstdSizeBound(data: Uint8Array): number {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  let bound = 0;
  let at = 0;
  while (at < data.length) {
    if (at + 8 > data.length) throw invalid('cut short');
    const magic = view.getUint32(at, true);
    if ((magic & SKIPPABLE_MASK) >>> 0 === SKIPPABLE_MAGIC) {
      at += 8 + view.getUint32(at + 4, true);
      continue;
    }
    if (magic !== FRAME_MAGIC) throw invalid('not a zstd frame');
    const header = readFrameHeader(view, at + 4);
    const blocks = walkBlocks(view, header.end);
    bound += Math.min(header.contentSize ?? blocks.bound, blocks.bound);
    at = blocks.end + (header.hasChecksum ? 4 : 0);
  }
  if (at !== data.length || at === 0) throw invalid('cut short');
  return bound;
}

interface FrameHeader {
  readonly contentSize: number | undefined;
  readonly hasChecksum: boolean;
  readonly end: number;
}

function readFrameHeader(view: DataView, start: number): FrameHeader {
  const descriptor = view.getUint8(start);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const dictionarySize = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeFlag = descriptor >> 6;
  const sizeAt = start + 1 + (isSingleSegment ? 0 : 1) + dictionarySize;
  const sizeBytes = sizeFlag === 0 ? Number(isSingleSegment) : 1 << sizeFlag;
  const end = sizeAt + sizeBytes;
  if (end > view.byteLength) throw invalid('cut short');
  return { contentSize: readContentSize(view, sizeAt, sizeBytes), hasChecksum: (descriptor & 4) !== 0, end };
}

function readContentSize(view: DataView, at: number, sizeBytes: number): number | undefined {
  switch (sizeBytes) {
    case 1:
      return view.getUint8(at);
    case 2:
      return view.getUint16(at, true) + 256;
    case 4:
      return view.getUint32(at, true);
    case 8:
      return Number(view.getBigUint64(at, true));
    default:
      return undefined;
  }
}

function walkBlocks(view: DataView, start: number): { bound: number; end: number } {
  let bound = 0;
  let at = start;
  for (;;) {
    if (at + 3 > view.byteLength) throw invalid('cut short');
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    const type = (header >> 1) & 3;
    const size = header >> 3;
    if (type === RESERVED_BLOCK || size > MAX_BLOCK_SIZE) throw invalid('a block of an unknown kind');
    bound += type === RAW_BLOCK || type === RLE_BLOCK ? size : MAX_BLOCK_SIZE;
    at += 3 + (type === RLE_BLOCK ? 1 : size);
    if ((header & 1) === 1) break;
  }
  if (at > view.byteLength) throw invalid('cut short');
  return { bound, end: at };
}

function invalid(what: string): CairnError {
  return new CairnError('COMPRESSION_INVALID', `invalid zstd data: ${what}`);
}
