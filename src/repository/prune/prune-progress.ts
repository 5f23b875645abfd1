export interface PruneProgress {
  /** `index`, `mark`, `repack`: others may write meanwhile. `wait`: for them. `swap`, `remove`: they wait. */
  readonly phase: 'index' | 'mark' | 'repack' | 'wait' | 'swap' | 'remove';
  readonly completed: number;
  /** `undefined` while it is not known. */
  readonly total: number | undefined;
  /** Bytes of packs read, of those to read. */
  readonly bytes?: number;
  readonly totalBytes?: number;
}
