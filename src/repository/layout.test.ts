import { describe, expect, it } from 'vitest';
import type { PackId, SnapshotId } from '../base/ids.ts';
import { folderOf, idOfName, objectName } from './layout.ts';

const id = 'ab'.repeat(32);

describe('repository layout', () => {
  it('puts packs in folders of their first two digits', () => {
    expect(objectName('pack', id as PackId)).toBe(`data/ab/${id}`);
  });

  it('puts other files directly in the folder of their kind', () => {
    expect(objectName('snapshot', id as SnapshotId)).toBe(`snapshots/${id}`);
    expect(folderOf('key')).toBe('keys/');
  });

  it('reads the id back from a name', () => {
    expect(idOfName('pack', `data/ab/${id}`)).toBe(id);
    expect(idOfName('lock', `locks/${id}`)).toBe(id);
  });

  it.each([`data/${id}`, `data/cd/${id}`, `snapshots/${id}-tmp-1`, `snapshots/x/${id}`, 'snapshots/README'])(
    'skips the foreign name %s',
    (name) => {
      expect(idOfName(name.startsWith('data') ? 'pack' : 'snapshot', name)).toBeUndefined();
    },
  );
});
