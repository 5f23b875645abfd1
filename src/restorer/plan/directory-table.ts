import { Float64Column, Uint32Column } from '../../base/column.ts';
import type { RecordStore } from '../records/record-store.ts';

/** Number of the target directory itself. */
export const ROOT_DIRECTORY = 0;
const NO_RECORD = -1;

export const DirectoryState = {
  /** Not in the target yet; made when something is restored into it. */
  waiting: 0,
  /** Made by this run: whatever is in it, this run put there. */
  made: 1,
  /** Was there before. */
  existing: 2,
  /** Could not be made; nothing is restored into it. */
  failed: 3,
} as const;

/** The directories of a run, each with its parent; a parent has a smaller number than its children. */
export class DirectoryTable {
  readonly #store: RecordStore;
  readonly #parents = new Uint32Column();
  readonly #records = new Float64Column();
  readonly #states = new Uint32Column();
  #lastPath: { readonly directory: number; readonly path: Buffer } | undefined;

  constructor(store: RecordStore) {
    this.#store = store;
    this.add(ROOT_DIRECTORY, NO_RECORD);
  }

  get count(): number {
    return this.#parents.length;
  }

  /** Adds a directory and returns its number. */
  add(parent: number, reference: number): number {
    this.#records.push(reference);
    this.#states.push(DirectoryState.waiting);
    return this.#parents.push(parent);
  }

  parent(directory: number): number {
    return this.#parents.at(directory);
  }

  /** Reference of the record with its metadata, or `undefined` for a target whose own metadata stays. */
  record(directory: number): number | undefined {
    const reference = this.#records.at(directory);
    return reference === NO_RECORD ? undefined : reference;
  }

  /** Gives a directory other metadata; for the target, when it stands for a directory of the snapshot. */
  setRecord(directory: number, reference: number): void {
    this.#records.set(directory, reference);
  }

  state(directory: number): number {
    return this.#states.at(directory);
  }

  setState(directory: number, state: number): void {
    this.#states.set(directory, state);
  }

  name(directory: number): Uint8Array {
    return directory === ROOT_DIRECTORY ? new Uint8Array(0) : this.#store.at(this.#records.at(directory)).name;
  }

  /** Names from the target down to the directory. */
  components(directory: number): Uint8Array[] {
    const names: Uint8Array[] = [];
    for (let at = directory; at !== ROOT_DIRECTORY; at = this.parent(at)) names.push(this.name(at));
    return names.reverse();
  }

  /** The path relative to the target, components joined by `/`; empty for the target itself. */
  path(directory: number): Uint8Array {
    if (this.#lastPath?.directory === directory) return this.#lastPath.path;
    const path = joinPath(this.components(directory));
    this.#lastPath = { directory, path };
    return path;
  }
}

const SLASH = Buffer.from('/');

function joinPath(names: readonly Uint8Array[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const name of names) {
    if (parts.length > 0) parts.push(SLASH);
    parts.push(name);
  }
  return Buffer.concat(parts);
}
