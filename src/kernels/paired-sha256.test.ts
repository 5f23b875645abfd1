import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCodec } from './codec.ts';

const codecs = [createCodec({ prefer: 'native' }), createCodec({ prefer: 'portable' })];
const message = fc.uint8Array({ maxLength: 700 });

function expected(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe.each(codecs)('SHA-256 of the $kind codec', (codec) => {
  function expectHashes(messages: readonly Uint8Array[]): void {
    const out = new Uint8Array(32 * messages.length);
    codec.sha256Each(messages, out);
    expect(messages.map((_, at) => hex(out.subarray(32 * at, 32 * at + 32)))).toEqual(messages.map(expected));
  }

  it('gives the hash of each of several messages, whatever their lengths', () => {
    fc.assert(fc.property(fc.array(message, { maxLength: 6 }), (messages) => expectHashes(messages)));
  });

  it('gives the hash of a message that grows while others are hashed', () => {
    const work = fc.oneof(
      fc.record({ kind: fc.constant('grow' as const), data: message }),
      fc.record({ kind: fc.constant('one' as const), data: message }),
      fc.record({ kind: fc.constant('several' as const), messages: fc.array(message, { maxLength: 4 }) }),
      fc.record({ kind: fc.constant('move' as const) }),
    );
    fc.assert(
      fc.property(fc.array(work, { maxLength: 30 }), (steps) => {
        const growing = codec.createGrowingSha256();
        let memory = Buffer.alloc(32 * 700);
        const hash = new Uint8Array(32);
        let size = 0;
        for (const step of steps) {
          if (step.kind === 'grow') {
            memory.set(step.data, size);
            size += step.data.length;
            growing.grow(memory.subarray(0, size));
          } else if (step.kind === 'move') {
            memory = Buffer.from(memory);
            growing.grow(memory.subarray(0, size));
          } else if (step.kind === 'several') {
            expectHashes(step.messages);
          } else {
            codec.sha256(step.data, hash);
            expect(hex(hash)).toBe(expected(step.data));
          }
        }
        growing.digestInto(hash);
        expect(hex(hash)).toBe(expected(memory.subarray(0, size)));
      }),
    );
  });

  it('begins a growing message anew after its hash was taken, and after it was forgotten', () => {
    const growing = codec.createGrowingSha256();
    const hash = new Uint8Array(32);
    const take = (data: Uint8Array): string => {
      growing.grow(data);
      growing.digestInto(hash);
      return hex(hash);
    };
    const data = Buffer.alloc(1000, 7);
    expect(take(data)).toBe(expected(data));
    growing.grow(data);
    codec.sha256(data, hash);
    growing.reset();
    expect(take(data.subarray(3))).toBe(expected(data.subarray(3)));
  });

  it('gives the hash of others when the memory of a growing message has gone to another thread', () => {
    const growing = codec.createGrowingSha256();
    const memory = new Uint8Array(10_000);
    growing.grow(memory);
    expectHashes([Buffer.alloc(1000, 1)]);
    structuredClone(memory.buffer, { transfer: [memory.buffer] });
    expectHashes([Buffer.alloc(1000, 2), Buffer.alloc(10, 3)]);
    growing.reset();
  });

  it('gives the hashes of messages that grow by turns, also where one is forgotten half way', () => {
    const turn = fc.record({
      which: fc.constantFrom(0, 1),
      what: fc.oneof(
        fc.record({ kind: fc.constant('grow' as const), data: message }),
        fc.record({ kind: fc.constant('others' as const), messages: fc.array(message, { maxLength: 4 }) }),
        fc.record({ kind: fc.constant('end' as const) }),
        fc.record({ kind: fc.constant('forget' as const) }),
      ),
    });
    fc.assert(
      fc.property(fc.array(turn, { maxLength: 40 }), (turns) => {
        const all = [0, 1].map(() => ({
          growing: codec.createGrowingSha256(),
          memory: Buffer.alloc(40 * 700),
          size: 0,
        }));
        const hash = new Uint8Array(32);
        for (const { which, what } of turns) {
          const one = all[which]!;
          if (what.kind === 'grow') {
            one.memory.set(what.data, one.size);
            one.size += what.data.length;
            one.growing.grow(one.memory.subarray(0, one.size));
          } else if (what.kind === 'others') {
            expectHashes(what.messages);
          } else {
            if (what.kind === 'end') {
              one.growing.digestInto(hash);
              expect(hex(hash)).toBe(expected(one.memory.subarray(0, one.size)));
            } else one.growing.reset();
            // As when the next pack is begun in the same memory.
            one.memory.fill(0xff);
            one.size = 0;
          }
        }
      }),
    );
  });

  it('refuses to write a hash where there is no room', () => {
    expect(() => codec.sha256(Buffer.from('a'), new Uint8Array(31))).toThrow(RangeError);
  });
});
