import { describe, expect, it } from 'vitest';
import { utf8, utf8Lossy } from '../../base/bytes.ts';
import { TreePath } from './tree-path.ts';

const pathOf = (...names: readonly string[]): TreePath =>
  names.reduce((path, name) => path.child(utf8(name)), TreePath.root());

describe('a path in a tree', () => {
  it('gives its names from the root on', () => {
    expect(pathOf('a', 'b', 'c').parts().map(utf8Lossy)).toEqual(['a', 'b', 'c']);
    expect(TreePath.root().parts()).toEqual([]);
  });

  it('has the key of the same path of another snapshot', () => {
    expect(pathOf('a', 'b').key).toBe(pathOf('a', 'b').key);
  });

  it.each([[[]], [['a']], [['b', 'a']], [['ab']], [['a', 'b', '']], [['a', 'c']], [['a', 'b', 'b']]])(
    'has not the key of %j',
    (names) => {
      expect(pathOf('a', 'b').key).not.toBe(pathOf(...names).key);
    },
  );

  it('has the same key whether those above it were asked for theirs or not', () => {
    const path = pathOf('a', 'b');
    expect(path.parent?.key).toBeDefined();
    expect(path.child(utf8('c')).key).toBe(pathOf('a', 'b', 'c').key);
  });

  it('has a key as short at every depth', () => {
    const deep = pathOf(...Array.from({ length: 20_000 }, () => 'd'));
    expect(deep.key).toHaveLength(pathOf('d').key.length);
  });
});
