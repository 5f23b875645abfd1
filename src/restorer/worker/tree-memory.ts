import { hasCode } from '../../base/errors.ts';
import { createKernels, KERNEL_SCRATCH_BYTES } from '../../kernels/kernels.ts';
import { TREE_SCAN_BLOCK_BYTES, TREE_SCAN_GUARD } from '../../kernels/tree-scan.ts';
import { scanTree } from '../../kernels/twins/tree-scan.ts';

const ALIGNMENT = 8;
const BLOCK_AT: number = KERNEL_SCRATCH_BYTES;
const WINDOW_AT: number = BLOCK_AT + TREE_SCAN_BLOCK_BYTES;

/** Memory in which trees are scanned, a window of them at a time, and what scans them there. */
export interface TreeMemory {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  /** Where the window, the records and the content ids begin, and the block that tells a scan about them. */
  readonly windowAt: number;
  readonly windowBytes: number;
  readonly recordsAt: number;
  readonly idsAt: number;
  readonly blockAt: number;
  scan(): void;
}

/** Memory for windows of that many bytes, three times as large; where there are no kernels, their twin scans. */
export function createTreeMemory(windowBytes: number, create: typeof createKernels = createKernels): TreeMemory {
  const room = (windowBytes + ALIGNMENT + TREE_SCAN_GUARD + ALIGNMENT) & -ALIGNMENT;
  const dataBytes = TREE_SCAN_BLOCK_BYTES + 3 * room;
  const places = {
    windowAt: WINDOW_AT,
    windowBytes,
    recordsAt: WINDOW_AT + room,
    idsAt: WINDOW_AT + 2 * room,
    blockAt: BLOCK_AT,
  };
  try {
    const kernels = create({ dataBytes });
    const { bytes } = kernels;
    return { ...places, bytes, words: new Uint32Array(bytes.buffer), scan: () => kernels.scanTree(BLOCK_AT) };
  } catch (error) {
    if (!hasCode(error, 'KERNEL_UNAVAILABLE')) throw error;
    const bytes = new Uint8Array(BLOCK_AT + dataBytes);
    return { ...places, bytes, words: new Uint32Array(bytes.buffer), scan: () => scanTree(bytes, BLOCK_AT) };
  }
}
