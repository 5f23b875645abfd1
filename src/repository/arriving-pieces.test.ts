import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteBudget } from '../base/byte-budget.ts';
import { ArrivingPieces, type ArrivedPiece, type PackPiece } from './arriving-pieces.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Byte n of this pack is n. */
const pack = Uint8Array.from({ length: 100 }, (_, at) => at);

function piece(start: number, end: number): PackPiece {
  return { start, end };
}

function setUp(
  pieces: readonly PackPiece[],
  budget = new ByteBudget(1000),
): { arriving: ArrivingPieces<PackPiece>; arrived: ArrivedPiece<PackPiece>[] } {
  const arrived: ArrivedPiece<PackPiece>[] = [];
  return { arriving: new ArrivingPieces(pieces, budget, (one) => arrived.push(one)), arrived };
}

/** Gives the pack from `from` to `to` in chunks. */
async function send(arriving: ArrivingPieces<PackPiece>, from: number, to: number, chunk = 7): Promise<void> {
  for (let at = from; at < to; at += chunk) await arriving.take(pack.subarray(at, Math.min(to, at + chunk)), at);
}

describe('the pieces of a pack', () => {
  it('are gathered from chunks of any size, without what lies between them', async () => {
    const { arriving, arrived } = setUp([piece(10, 20), piece(20, 43), piece(60, 61)]);
    await send(arriving, 10, 61);
    expect(arrived.map(({ bytes }) => [...bytes])).toEqual([
      [...pack.subarray(10, 20)],
      [...pack.subarray(20, 43)],
      [60],
    ]);
    expect(arriving.missing).toEqual([]);
  });

  it('come once where a read that failed begins anew', async () => {
    const { arriving, arrived } = setUp([piece(0, 10), piece(10, 30)]);
    await send(arriving, 0, 16);
    await send(arriving, 0, 30);
    expect(arrived.map(({ bytes }) => [...bytes])).toEqual([[...pack.subarray(0, 10)], [...pack.subarray(10, 30)]]);
  });

  it('wait for memory, also where the read begins anew meanwhile', async () => {
    const budget = new ByteBudget(20);
    const { arriving, arrived } = setUp([piece(0, 20), piece(20, 40)], budget);
    await send(arriving, 0, 20);
    const first = send(arriving, 20, 27);
    const second = send(arriving, 0, 40);
    await turn();
    expect(arrived).toHaveLength(1);
    arrived[0]?.held[Symbol.dispose]();
    await Promise.all([first, second]);
    expect(arrived.map(({ bytes }) => [...bytes])).toEqual([[...pack.subarray(0, 20)], [...pack.subarray(20, 40)]]);
  });

  it('that did not come are named, and their memory is free again', async () => {
    const budget = new ByteBudget(20);
    const { arriving, arrived } = setUp([piece(0, 10), piece(10, 20)], budget);
    await send(arriving, 0, 15);
    arriving[Symbol.dispose]();
    arrived[0]?.held[Symbol.dispose]();
    expect(arriving.missing).toEqual([piece(10, 20)]);
    await expect(budget.acquire(20)).resolves.toBeDefined();
  });

  it('that overlap by the index are named too', async () => {
    const { arriving, arrived } = setUp([piece(0, 20), piece(10, 15), piece(20, 30)]);
    await send(arriving, 0, 30);
    expect(arrived.map(({ piece: { start } }) => start)).toEqual([0, 20]);
    expect(arriving.missing).toEqual([piece(10, 15)]);
  });

  it('are what the pack holds, or named, however often the read begins anew and however little memory there is', async () => {
    const range = fc.tuple(fc.nat(99), fc.integer({ min: 1, max: 30 }));
    const tries = fc.array(
      fc.record({ end: fc.nat(100), chunk: fc.integer({ min: 1, max: 40 }), waits: fc.boolean() }),
      {
        maxLength: 4,
      },
    );
    const property = fc.asyncProperty(
      fc.array(range, { minLength: 1, maxLength: 8 }),
      tries,
      fc.integer({ min: 1, max: 60 }),
      async (ranges, reads, limit) => {
        const pieces = ranges
          .map(([start, length]) => piece(start, Math.min(100, start + length)))
          .toSorted((a, b) => a.start - b.start || a.end - b.end);
        const arrived: PackPiece[] = [];
        const arriving = new ArrivingPieces(pieces, new ByteBudget(limit), ({ piece: one, bytes, held }) => {
          expect([...bytes]).toEqual([...pack.subarray(one.start, one.end)]);
          arrived.push(one);
          setImmediate(() => held[Symbol.dispose]());
        });
        const from = pieces[0]?.start ?? 0;
        for (const { end, chunk, waits } of reads) {
          const sent = send(arriving, from, end, chunk);
          // A read that breaks off while its bytes wait for memory is begun anew at once.
          if (waits) await sent;
        }
        await send(arriving, from, 100, 11);
        expect(new Set(arrived).size).toBe(arrived.length);
        expect([...arrived, ...arriving.missing].toSorted((a, b) => a.start - b.start || a.end - b.end)).toEqual(
          pieces,
        );
      },
    );
    await fc.assert(property);
  });
});
