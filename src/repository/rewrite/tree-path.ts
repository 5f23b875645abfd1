import { hash } from 'node:crypto';

/**
 * Where an entry is in a tree, as a chain: a step down costs the same at every depth, where a list of all names is as long
 * as the tree is deep.
 */
export class TreePath {
  /** The folder it is in; `undefined` for the root. */
  readonly parent: TreePath | undefined;
  /** Empty for the root. */
  readonly name: Uint8Array;
  #key: string | undefined;

  private constructor(parent: TreePath | undefined, name: Uint8Array) {
    this.parent = parent;
    this.name = name;
  }

  static root(): TreePath {
    return new TreePath(undefined, new Uint8Array());
  }

  child(name: Uint8Array): TreePath {
    return new TreePath(this, name);
  }

  /** The names from the root on; none for the root. */
  parts(): readonly Uint8Array[] {
    return Array.from(upwards(this), ({ name }) => name).reverse();
  }

  /** The same for the same path only, and short: the hash of the key above and the name. */
  get key(): string {
    const keyless: TreePath[] = [];
    let key = '';
    for (const path of upwards(this)) {
      if (path.#key !== undefined) {
        key = path.#key;
        break;
      }
      keyless.push(path);
    }
    for (const path of keyless.reverse()) {
      key = hash('sha256', Buffer.concat([Buffer.from(`${key}/`), path.name]), 'base64');
      path.#key = key;
    }
    return key;
  }
}

/** A path and what is above it, without the root. */
function* upwards(path: TreePath): Generator<TreePath> {
  for (let at: TreePath | undefined = path; at?.parent !== undefined; at = at.parent) yield at;
}
