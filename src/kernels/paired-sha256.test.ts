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

  it('refuses to write a hash where there is no room', () => {
    expect(() => codec.sha256(Buffer.from('a'), new Uint8Array(31))).toThrow(RangeError);
  });
});
