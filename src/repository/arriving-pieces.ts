import type { ByteBudget } from '../base/byte-budget.ts';

/** Blobs of one pack that lie side by side, as a range of it; ascending. */
export interface PackPiece {
  readonly start: number;
  readonly end: number;
}

/** A piece and its bytes. Whoever gets it disposes `held` when they have been used. */
export interface ArrivedPiece<P extends PackPiece> {
  readonly piece: P;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly held: Disposable;
}

/**
 * Gathers the pieces of a range of a pack from its bytes as they come. Memory is taken for one piece at a time, when its first byte
 * is there: so many packs can be on their way at once, and what was read of them is worked on meanwhile.
 */
export class ArrivingPieces<P extends PackPiece> implements Disposable {
  readonly #pieces: readonly P[];
  readonly #budget: ByteBudget;
  readonly #deliver: (arrived: ArrivedPiece<P>) => void;
  /** The piece that is being gathered, and its memory. */
  #current = 0;
  readonly #passed: P[] = [];
  #memory: { readonly bytes: Uint8Array<ArrayBuffer>; readonly held: Disposable } | undefined;
  /** Up to here the pack has been taken in. */
  #end: number;
  #waiting: Promise<void> | undefined;
  #isClosed = false;

  constructor(pieces: readonly P[], budget: ByteBudget, deliver: (arrived: ArrivedPiece<P>) => void) {
    this.#pieces = pieces;
    this.#budget = budget;
    this.#deliver = deliver;
    this.#end = pieces[0]?.start ?? 0;
  }

  /** Those that did not come completely. */
  get missing(): readonly P[] {
    return [...this.#passed, ...this.#pieces.slice(this.#current)];
  }

  /** Takes bytes of the pack from `position` on; what comes a second time is passed over. Resolves when more can be taken. */
  take(bytes: Uint8Array, position: number): Promise<void> | undefined {
    // The wait of a try that failed meanwhile is not over yet.
    if (this.#waiting !== undefined) return this.#waiting.then(() => this.take(bytes, position));
    const known = this.#end - position;
    return known >= bytes.length ? undefined : this.#takeIn(bytes.subarray(Math.max(0, known)));
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#memory?.held[Symbol.dispose]();
    this.#memory = undefined;
  }

  #takeIn(bytes: Uint8Array): Promise<void> | undefined {
    let at = 0;
    while (at < bytes.length && !this.#isClosed) {
      const piece = this.#pieces[this.#current];
      if (piece === undefined) return undefined;
      const gap = piece.start - this.#end;
      if (gap < 0 && this.#memory === undefined) {
        // Its beginning has gone by: an index may say that blobs overlap.
        this.#passed.push(piece);
        this.#current++;
      } else if (gap > 0) {
        const skipped = Math.min(gap, bytes.length - at);
        this.#end += skipped;
        at += skipped;
      } else if (this.#memory === undefined) {
        const rest = bytes.subarray(at);
        this.#waiting = this.#takeMemory(piece).then(() => {
          this.#waiting = undefined;
          return this.#takeIn(rest);
        });
        return this.#waiting;
      } else {
        const part = bytes.subarray(at, at + piece.end - this.#end);
        this.#memory.bytes.set(part, this.#end - piece.start);
        this.#end += part.length;
        at += part.length;
        if (this.#end === piece.end) this.#finish({ piece, ...this.#memory });
      }
    }
    return undefined;
  }

  async #takeMemory({ start, end }: P): Promise<void> {
    const held = await this.#budget.acquire(end - start);
    if (this.#isClosed) held[Symbol.dispose]();
    // Not zeroed: it is delivered when it is full.
    else this.#memory = { bytes: Buffer.allocUnsafeSlow(end - start), held };
  }

  #finish(arrived: ArrivedPiece<P>): void {
    this.#memory = undefined;
    this.#current++;
    this.#deliver(arrived);
  }
}
