import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FetchHandler, nodeListener } from './node-listener.ts';

let server: Server;
let handler: FetchHandler;
/** What the listener rejected with, which would end a program. */
const rejections: unknown[] = [];

beforeEach(async () => {
  rejections.length = 0;
  handler = async () => new Response('ok');
  const listener = nodeListener((request) => handler(request));
  server = createServer((request, response) => {
    listener(request, response).catch((error: unknown) => void rejections.push(error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

/** The first line of the answer to these bytes. */
async function answerTo(request: string): Promise<string> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.end(request);
  let answer = '';
  socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
  socket.on('error', () => {});
  await once(socket, 'close');
  return answer.split('\r\n', 1)[0] ?? '';
}

describe('a request that no Request can be made of', () => {
  it.each(['TRACE / HTTP/1.1', 'GET http://[/ HTTP/1.1', 'GET a:b HTTP/1.1', 'OPTIONS * HTTP/1.1'])(
    'is refused and ends nothing: %s',
    async (line) => {
      expect(await answerTo(`${line}\r\nHost: x\r\nConnection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 [245]/);
      expect(rejections).toEqual([]);
      expect(await answerTo('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toBe('HTTP/1.1 200 OK');
    },
  );
});

it('a handler that throws is an error of the server, and ends nothing', async () => {
  handler = async () => {
    throw new Error('a fault');
  };
  expect(await answerTo('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toMatch(/ 500 /);
  expect(rejections).toEqual([]);
});

it('an answer that breaks off is cut off, and ends nothing', async () => {
  handler = async () =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.error(new Error('a fault')),
      }),
    );
  expect(await answerTo('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).not.toMatch(/ 2\d\d .*done/);
  expect(rejections).toEqual([]);
});
