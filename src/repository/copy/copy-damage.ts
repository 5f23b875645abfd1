import type { ErrorCode } from '../../base/error-codes.ts';
import { type CairnError, isCairnError } from '../../base/errors.ts';
import type { BlobId } from '../../base/ids.ts';
import { saysUnreadable } from '../../storage/device-error.ts';
import type { BlobType } from '../../formats/pack/pack-header.ts';

/** A blob that cannot be copied: it is damaged or missing in the source, and the target does not have it. */
export interface UncopiedBlob {
  readonly type: BlobType;
  readonly id: BlobId;
  readonly code: ErrorCode;
  readonly message: string;
}

const LISTED = 10_000;

/** The blobs that cannot be copied, each once. */
export class CopyDamage {
  readonly #lost = new Map<string, UncopiedBlob>();
  readonly #onLost: ((blob: UncopiedBlob) => void) | undefined;

  constructor(onLost?: (blob: UncopiedBlob) => void) {
    this.#onLost = onLost;
  }

  get size(): number {
    return this.#lost.size;
  }

  /** The first of them: where a vault lost much, a list of all helps nobody. */
  get listed(): readonly UncopiedBlob[] {
    return [...this.#lost.values()].slice(0, LISTED);
  }

  add(type: BlobType, id: BlobId, { code, message }: Pick<CairnError, 'code' | 'message'>): void {
    const key = keyOf(type, id);
    if (this.#lost.has(key)) return;
    const blob: UncopiedBlob = { type, id, code, message };
    this.#lost.set(key, blob);
    this.#onLost?.(blob);
  }

  find(type: BlobType, id: BlobId): UncopiedBlob | undefined {
    return this.#lost.get(keyOf(type, id));
  }
}

const keyOf = (type: BlobType, id: BlobId): string => `${type} ${id}`;

const lostCodes: readonly ErrorCode[] = ['BLOB_MISSING', 'BLOB_CORRUPT', 'TREE_CORRUPT'];

/** Whether an error says that a blob is lost or lies where its device cannot read, and not that its storage cannot be read now. */
export function saysLost(error: unknown): error is CairnError {
  return isCairnError(error) && (lostCodes.includes(error.code) || saysUnreadable(error));
}
