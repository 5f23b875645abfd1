// Packs that are verified while they come, where a storage hands over what it reads: many at a time, in little memory.
import { ByteBudget } from '../../base/byte-budget.ts';
import { hasCode } from '../../base/errors.ts';
import { type ArrivedPiece, ArrivingPieces } from '../arriving-pieces.ts';
import type { BlobIndex } from '../index/blob-index.ts';
import { objectName } from '../layout.ts';
import type { Repository } from '../repository.ts';
import type { PresentPack } from './check-packs.ts';
import { type CheckPiece, PackRecords } from './covering-pieces.ts';
import type { PackTable } from './pack-table.ts';

/** A worker for the pieces of one pack. */
export interface PieceLane extends Disposable {
  /** Whether the piece is good; of the last one, whether all of the pack is. */
  check(packNumber: number, piece: CheckPiece, bytes: Uint8Array<ArrayBuffer>): Promise<boolean>;
}

/** Pieces that come, or wait for a worker. */
const MAX_PIECES_BYTES = 24 * 1024 * 1024;

export class ArrivingCheck {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #records: PackRecords;
  readonly #reserve: () => PieceLane;
  readonly #budget = new ByteBudget(MAX_PIECES_BYTES);

  constructor(repository: Repository, index: BlobIndex, table: PackTable, reserve: () => PieceLane) {
    this.#repository = repository;
    this.#index = index;
    this.#records = new PackRecords(index, table.blobCounts);
    this.#reserve = reserve;
  }

  /** False where something is wrong, or cannot be told in this way. */
  async isGood({ packNumber, sizeBytes }: PresentPack, signal: AbortSignal | undefined): Promise<boolean> {
    const pieces = this.#records.pieces(packNumber, sizeBytes);
    if (pieces === undefined) return false;
    using lane = this.#reserve();
    const running: Promise<void>[] = [];
    let good = 0;
    const check = async ({ piece, bytes, held }: ArrivedPiece<CheckPiece>): Promise<void> => {
      using _held = held;
      if (await lane.check(packNumber, piece, bytes)) good++;
    };
    using arriving = new ArrivingPieces(pieces, this.#budget, (arrived) => {
      const run = check(arrived);
      // It may fail while the rest still comes; it is thrown when that has ended.
      run.catch(() => {});
      running.push(run);
    });
    try {
      await this.#read(packNumber, sizeBytes, arriving, signal);
    } finally {
      await Promise.allSettled(running);
    }
    // What failed otherwise is thrown here.
    await Promise.all(running);
    return good === pieces.length;
  }

  async #read(
    packNumber: number,
    length: number,
    arriving: ArrivingPieces<CheckPiece>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const name = objectName('pack', this.#index.packId(packNumber));
    const onBytes = (bytes: Uint8Array, position: number): Promise<void> | undefined => arriving.take(bytes, position);
    try {
      const rest = await this.#repository.origin.read(name, { offset: 0, length, onBytes, signal });
      await arriving.take(rest, 0);
    } catch (error) {
      // What is missing then is not good, and read once more.
      if (!hasCode(error, 'OBJECT_MISSING') && !hasCode(error, 'OBJECT_TRUNCATED')) throw error;
    }
  }
}
