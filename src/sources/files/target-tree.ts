/**
 * The targets of a backup as a tree of names. Only the directories on the way to a target and the targets
 * themselves are in it; a target may hold others (`/a` and `/a/b`).
 */
export interface TargetNode {
  /** Named by the user: everything below it is taken. */
  target: boolean;
  /** By name, Latin-1 held. */
  readonly children: Map<string, TargetNode>;
}

/** Builds the tree of absolute paths (Latin-1 held, normalised). The result stands for `/`. */
export function buildTargetTree(paths: readonly string[]): TargetNode {
  const root: TargetNode = { target: false, children: new Map() };
  for (const path of paths) {
    let node = root;
    for (const name of path.split('/').filter((part) => part !== '')) {
      const existing = node.children.get(name);
      const child = existing ?? { target: false, children: new Map() };
      if (existing === undefined) node.children.set(name, child);
      node = child;
    }
    node.target = true;
  }
  return root;
}
