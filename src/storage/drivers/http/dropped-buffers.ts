// The memory of buffers that Node makes of what it receives. Each chunk lies in two of them, that of the socket and that of the
// body, and both are dropped a moment later; V8 counts objects and not what they hold, and lets 64 MB pile up.
import { collectYoung } from '../../../base/collect-young.ts';

const COLLECT_AFTER_BYTES = 8 * 1024 * 1024;

/** By all connections of this thread, since the last collection. */
let received = 0;

/** Tells of a chunk that came; the buffers of earlier ones are freed now and then. */
export function noteReceived(chunk: Uint8Array): void {
  received += chunk.length;
  if (received < COLLECT_AFTER_BYTES) return;
  received = 0;
  collectYoung();
}

/** Frees the chunk of a body that nobody will look at again; not where its memory holds something else as well. */
export function freeChunk({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
