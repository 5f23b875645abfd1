import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { concatBytes, equalBytes } from '../base/bytes.ts';
import type { Storage } from './storage.ts';

/** What a storage that `handsOver` does with the bytes of a read. */
export const handOverCases: readonly { readonly name: string; readonly body: (storage: Storage) => Promise<void> }[] = [
  {
    name: 'hands the bytes of a range over as they come, in order, and waits for whoever takes them',
    async body(storage) {
      const bytes = new Uint8Array(randomBytes(3 * 1024 * 1024));
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const name = `data/${sha256.slice(0, 2)}/${sha256}`;
      await storage.write(name, bytes);
      const [offset, length] = [1000, 2_500_000];
      const taken: Uint8Array[] = [];
      let end = offset;
      let isBusy = false;
      const result = await storage.read(name, {
        offset,
        length,
        onBytes: async (part, position) => {
          assert.ok(!isBusy, 'more came before the last part was taken');
          assert.equal(position, end);
          isBusy = true;
          await turn();
          taken.push(Uint8Array.from(part));
          end += part.length;
          isBusy = false;
        },
      });
      // A server that sends something else than the range leaves the storage no choice.
      const read = taken.length === 0 ? result : concatBytes(taken);
      assert.ok(equalBytes(read, bytes.subarray(offset, offset + length)), 'content differs');
      if (taken.length > 0) assert.equal(result.length, 0);
    },
  },
];
