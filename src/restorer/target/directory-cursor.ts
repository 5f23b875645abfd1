import fs from 'node:fs';
import { equalBytes } from '../../base/bytes.ts';
import type { Posix } from '../../base/posix/posix.ts';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = fs.constants;
const DIRECTORY_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
const SLASH = 0x2f;

// Deeper trees are walked with fewer descriptors than they have levels: those of the innermost directories, which
// their neighbours and parents need next. Going up a deep tree, it is walked down again once for so many levels.
const MAX_HELD = 48;
const CLOSED = -1;

/**
 * Opens directories below a root, one component after the other and none through a symlink, so that
 * nothing planted while a restore runs can lead outside. Directories come in tree order mostly: the
 * descriptors of the path opened last are kept, and a neighbour costs one call.
 */
export class DirectoryCursor implements Disposable {
  readonly #posix: Posix;
  readonly #root: number;
  readonly #names: Uint8Array[] = [];
  readonly #descriptors: number[] = [];
  // The same array object means the same directory: the common case costs one comparison.
  #lastPath: Uint8Array | undefined;
  #last = CLOSED;

  constructor(posix: Posix, root: number) {
    this.#posix = posix;
    this.#root = root;
  }

  /**
   * The descriptor of a directory; `path` is relative to the root, its components joined by `/`, empty
   * for the root itself. It stays open until the next call only;
   * `path` must not be changed afterwards. Throws the system's error.
   */
  open(path: Uint8Array): number {
    if (path === this.#lastPath) return this.#last;
    this.#lastPath = undefined;
    this.#last = this.#find(path);
    this.#lastPath = path;
    return this.#last;
  }

  #find(path: Uint8Array): number {
    let depth = 0;
    let at = 0;
    let sharing = true;
    while (at < path.length) {
      const slash = path.indexOf(SLASH, at);
      const end = slash < 0 ? path.length : slash;
      const name = path.subarray(at, end);
      const known = this.#names[depth];
      if (sharing && (known === undefined || !equalBytes(known, name))) {
        sharing = false;
        this.#truncate(depth);
      }
      if (!sharing) this.#descend(name);
      depth++;
      at = end + 1;
    }
    this.#truncate(depth);
    const descriptor = depth === 0 ? this.#root : (this.#descriptors[depth - 1] ?? CLOSED);
    return descriptor === CLOSED ? this.#reopen() : descriptor;
  }

  /** Forgets all descriptors, so that the next `open` looks at the file system again. */
  [Symbol.dispose](): void {
    this.#lastPath = undefined;
    this.#truncate(0);
  }

  #descend(name: Uint8Array): void {
    const depth = this.#names.length;
    const parent = depth === 0 ? this.#root : (this.#descriptors[depth - 1] ?? CLOSED);
    const from = parent === CLOSED ? this.#reopen() : parent;
    const descriptor = this.#posix.openat(from, name, DIRECTORY_FLAGS);
    this.#names.push(Uint8Array.from(name));
    this.#descriptors.push(descriptor);
    const outer = this.#descriptors[depth - MAX_HELD] ?? CLOSED;
    if (outer === CLOSED) return;
    this.#posix.close(outer);
    this.#descriptors[depth - MAX_HELD] = CLOSED;
  }

  /** Walks down again to the innermost directory, whose descriptor was given up. */
  #reopen(): number {
    const names = this.#names.splice(0);
    const descriptors = this.#descriptors.splice(0);
    for (const descriptor of descriptors) if (descriptor !== CLOSED) this.#posix.close(descriptor);
    for (const name of names) this.#descend(name);
    return this.#descriptors.at(-1) ?? this.#root;
  }

  #truncate(depth: number): void {
    while (this.#names.length > depth) {
      this.#names.pop();
      const descriptor = this.#descriptors.pop() ?? CLOSED;
      if (descriptor !== CLOSED) this.#posix.close(descriptor);
    }
  }
}
