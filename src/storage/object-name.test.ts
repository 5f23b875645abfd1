import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isObjectName, isTemporaryName } from './object-name.ts';

describe('object names', () => {
  it('never lead out of the folder they are resolved in', () => {
    const component = fc.constantFrom('..', '.', '', 'a', '...', '/', '\\', '\0', 'b c', '..a', 'C:', 'é');
    fc.assert(
      fc.property(fc.array(component), (components) => {
        const name = components.join('/');
        if (!isObjectName(name)) return;
        const { pathname } = new URL(name.split('/').map(encodeURIComponent).join('/'), 'file:///root/');
        expect(decodeURIComponent(pathname)).toBe(`/root/${name}`);
      }),
    );
  });

  it('are not the names of unfinished writes, ours or of restic', () => {
    expect(isTemporaryName(`data/ab/${'ab'.repeat(32)}-tmp-4294967295`)).toBe(true);
    expect(isObjectName('config-tmp-1')).toBe(false);
    expect(isObjectName('config-tmp-1/x')).toBe(true);
  });
});
