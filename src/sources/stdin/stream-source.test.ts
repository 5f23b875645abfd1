import { expect, it } from 'vitest';
import type { Clock } from '../../base/clock.ts';
import { openStreamSource } from './stream-source.ts';

const clock: Clock = { nowNs: () => 123n, sleep: () => Promise.resolve() };

it('is one file of this user whose content is the stream', async () => {
  const source = openStreamSource({
    name: 'stdin',
    clock,
    open: async function* () {
      yield Buffer.from('content');
    },
  });
  const [file] = source.root.list(() => {});
  if (file?.kind !== 'stream') throw new Error('not a stream');
  expect(file.metadata).toMatchObject({ mode: 0o644, mtimeNs: 123n, uid: process.getuid?.() });
  const chunks = await Array.fromAsync(file.open(new AbortController().signal));
  expect(Buffer.concat(chunks).toString()).toBe('content');
});
