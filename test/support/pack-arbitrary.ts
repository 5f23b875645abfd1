import fc from 'fast-check';
import type { PackId } from '../../src/base/ids.ts';
import type { PackEntry } from '../../src/formats/pack/pack-header.ts';
import { arbitraryId } from './node-arbitrary.ts';

/** A pack as an index file lists it. */
export interface ListedPack {
  id: PackId;
  blobs: PackEntry[];
}

export function arbitraryPacks(): fc.Arbitrary<ListedPack[]> {
  const u32 = fc.nat(0xffff_ffff);
  const blob = fc.record({
    type: fc.constantFrom('data' as const, 'tree' as const),
    id: arbitraryId(),
    offset: u32,
    length: u32,
    uncompressedLength: u32,
  });
  // An id is an id, whatever it is of.
  const packId = arbitraryId().map((id) => id as string as PackId);
  return fc.array(fc.record({ id: packId, blobs: fc.array(blob, { maxLength: 4 }) }), { maxLength: 4 });
}
