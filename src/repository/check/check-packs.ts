import { type PackId, shortId } from '../../base/ids.ts';
import type { BlobIndex } from '../index/blob-index.ts';
import { objectName } from '../layout.ts';
import type { FileInfo } from '../repository.ts';
import { blobSize } from '../blob-size.ts';
import type { FindingList } from './finding.ts';
import type { PackTable } from './pack-table.ts';

/** A pack that is there and as large as the index says. */
export interface PresentPack {
  readonly packNumber: number;
  readonly sizeBytes: number;
}

/** Compares the index with the list of packs. Returns those that can be read. */
export async function checkPackList(
  packs: AsyncIterable<FileInfo<'pack'>>,
  index: BlobIndex,
  table: PackTable,
  findings: FindingList,
): Promise<PresentPack[]> {
  const numbers = new Map<PackId, number>();
  for (let packNumber = 0; packNumber < index.packCount; packNumber++) {
    numbers.set(index.packId(packNumber), packNumber);
  }
  const present: PresentPack[] = [];
  for await (const { id, sizeBytes } of packs) {
    const packNumber = numbers.get(id);
    if (packNumber === undefined) {
      findings.add('pack-orphan', objectName('pack', id), 'no index file lists this pack; prune removes it');
      continue;
    }
    numbers.delete(id);
    const expected = table.sizeBytes(packNumber);
    if (sizeBytes === expected) present.push({ packNumber, sizeBytes });
    else {
      const message = `it has ${sizeBytes} bytes, by the index it should have ${expected}`;
      findings.add('pack-size', objectName('pack', id), message);
    }
    if (table.isMixed(packNumber)) {
      findings.add('pack-mixed', objectName('pack', id), 'it holds data and trees; prune rewrites it');
    }
  }
  for (const id of numbers.keys()) {
    findings.add('pack-missing', objectName('pack', id), 'the index lists this pack, but it is not there');
  }
  return present;
}

/** Finds copies of one blob that cannot both be right, since one hash has one content. */
export function checkConflicts(index: BlobIndex, findings: FindingList): void {
  for (let record = 0; record < index.size; record++) {
    const first = index.find(index.blobType(record), index.idBytes(record));
    if (first === record || first < 0) continue;
    const [a, b] = [index.location(first), index.location(record)];
    if (a === undefined || b === undefined || blobSize(a) === blobSize(b)) continue;
    const [x, y] = [a, b].map(({ packNumber }) => shortId(index.packId(packNumber)));
    const message = `it has ${blobSize(a)} bytes in pack ${x} and ${blobSize(b)} in pack ${y}`;
    findings.add('index-conflict', `blob ${index.blobId(record)}`, message);
  }
}
