import type { BackupRun } from './backup-run.ts';

/** Silence after which proxies close a connection, and less. */
const KEEP_ALIVE_MS = 15_000;

/**
 * The progress of a run as server-sent events: `progress` with each state that the reader is quick enough for, then `end` with the
 * run. A reader that comes late gets what is, not what was.
 */
export function runEvents(run: BackupRun, signal: AbortSignal): Response {
  const encoder = new TextEncoder();
  const events = run.progress();
  let timer: NodeJS.Timeout | undefined;
  const stop = (): void => clearInterval(timer);
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      timer = setInterval(() => controller.enqueue(encoder.encode(':\n\n')), KEEP_ALIVE_MS);
      signal.addEventListener('abort', stop, { once: true });
    },
    // Called when there is room: a slow reader skips states and piles up nothing.
    pull: async (controller) => {
      const { value, done } = await events.next();
      if (done !== true) {
        controller.enqueue(encoder.encode(event('progress', value)));
        return;
      }
      controller.enqueue(encoder.encode(event('end', { run: run.document })));
      stop();
      controller.close();
    },
    cancel: stop,
  });
  const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
  return new Response(body, { headers });
}

function event(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
