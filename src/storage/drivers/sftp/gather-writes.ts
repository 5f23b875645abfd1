import type { Socket } from 'node:net';

/**
 * Makes a socket send what is written in one turn of the event loop in one system call. ssh2 writes each
 * packet of 32 KiB in three parts (length, content, tag), which would be as many calls and, without Nagle's
 * algorithm, as many segments. Not a subclass: `connect` puts Node's own `write` back.
 */
export function gatherWrites(socket: Socket): Socket {
  const write = socket.write.bind(socket);
  let isGathering = false;
  socket.write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
    if (!isGathering) {
      isGathering = true;
      socket.cork();
      process.nextTick(() => {
        isGathering = false;
        socket.uncork();
      });
    }
    // The overloads of `write` differ in what may follow; all of it is passed on.
    return write(chunk, ...(rest as []));
  };
  return socket;
}
