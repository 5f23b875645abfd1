import { describe, expect, it } from 'vitest';
import { aSnapshot, blobIdOf, flipBit, makeRepository, withOrigin } from '../../test/support/repository-fixture.ts';
import { utf8 } from '../base/bytes.ts';
import type { SnapshotId } from '../base/ids.ts';
import { faulty } from '../storage/layers/faulty.ts';
import { StorageLayer } from '../storage/layers/storage-layer.ts';
import { missing } from '../storage/object-range.ts';
import { objectName } from './layout.ts';
import { findSnapshot } from './snapshot-ref.ts';
import { listSnapshots, saveSnapshot, snapshotName, type SnapshotRecord } from './snapshots.ts';

const tree = blobIdOf(utf8('tree'));
const at = (iso: string) => ({ ns: BigInt(Date.parse(iso)) * 1_000_000n, offsetMinutes: 0 });

const record = (id: string, iso: string, path: string, tags: string[] = []): SnapshotRecord => ({
  id: id.padEnd(64, '0') as SnapshotId,
  snapshot: aSnapshot(tree, { time: at(iso), paths: [path], tags }),
});

describe('listSnapshots', () => {
  it('lists the oldest first', async () => {
    const { repository } = await makeRepository();
    for (const day of ['03', '01', '02']) {
      await saveSnapshot(repository, aSnapshot(tree, { time: at(`2026-01-${day}T00:00:00Z`) }));
    }
    const times = (await listSnapshots(repository)).map(({ snapshot }) => snapshot.time.ns);
    expect(times).toEqual([...times].sort((a, b) => Number(a - b)));
  });

  it('reports a damaged snapshot and lists the others', async () => {
    const { storage, repository } = await makeRepository();
    const bad = await saveSnapshot(repository, aSnapshot(tree));
    const good = await saveSnapshot(repository, aSnapshot(tree, { hostname: 'other' }));
    await flipBit(storage, objectName('snapshot', bad), 99);
    const warnings: string[] = [];
    const records = await listSnapshots(repository, { onWarning: (error) => warnings.push(error.message) });
    expect(records.map(({ id }) => id)).toEqual([good]);
    expect(warnings).toEqual([expect.stringContaining(bad)]);
  });

  it('reports a snapshot that the storage lists and says is not there: whoever prunes must not take it for forgotten', async () => {
    const { storage, repository } = await makeRepository();
    const id = await saveSnapshot(repository, aSnapshot(tree));
    const name = objectName('snapshot', id);
    const hiding = faulty(storage, {
      how: 'fail',
      error: missing(name),
      when: (operation) => operation.kind === 'read' && operation.name === name,
    });
    const warnings: string[] = [];
    await listSnapshots(withOrigin(repository, hiding), { onWarning: (error) => warnings.push(error.code) });
    expect(warnings).toEqual(['SNAPSHOT_CORRUPT']);
  });

  it('passes over one that was forgotten between the listing and the read', async () => {
    const { storage, repository } = await makeRepository();
    const id = await saveSnapshot(repository, aSnapshot(tree));
    const forgetting = new (class extends StorageLayer {
      override async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
        await this.inner.remove(name);
        return this.inner.read(name);
      }
    })(storage);
    const warnings: string[] = [];
    await listSnapshots(withOrigin(repository, forgetting), { onWarning: (error) => warnings.push(error.message) });
    expect({ warnings, there: await storage.stat(objectName('snapshot', id)) }).toEqual({ warnings: [] });
  });
});

describe('snapshotName', () => {
  it.each([
    [{ paths: ['/home/u/docs'] }, 'docs'],
    [{ paths: ['/home/u/docs/'] }, 'docs'],
    [{ paths: ['C:\\Users\\u'] }, 'u'],
    [{ paths: ['/'] }, undefined],
    [{ paths: ['/a', '/b'] }, undefined],
    [{ paths: ['/a', '/b'], tags: ['x', 'name:both'] }, 'both'],
    [{ paths: ['/a'], tags: ['name:'] }, 'a'],
  ])('of %o is %s', (change, name) => {
    expect(snapshotName(aSnapshot(tree, change))).toBe(name);
  });
});

describe('findSnapshot', () => {
  const first = record('abc1', '2026-01-01T12:00:00Z', '/x/docs');
  const second = record('abc2', '2026-01-02T12:00:00Z', '/x/docs');
  const third = record('face', '2026-01-03T12:00:00Z', '/x/other');
  const records = [first, second, third];

  it.each([
    ['latest', third],
    ['docs', second],
    ['abc1', first],
    [second.id, second],
    ['docs@2026-01-01T13:00:00Z', first],
    ['docs@2026-01-02T12:00:00Z', second],
    ['docs@2026-01-02T12:00Z', second],
    ['latest@2026-01-02T23:00:00+01:00', second],
  ])('takes %s', (ref, expected) => {
    expect(findSnapshot(records, ref)).toBe(expected);
  });

  it.each(['abc', 'nothing', 'docs@2025-01-01', 'docs@tomorrow', '', 'ABC1'])('does not take %s', (ref) => {
    expect(() => findSnapshot(records, ref)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^REF_/) }));
  });

  it('lists the candidates of an ambiguous prefix', () => {
    expect(() => findSnapshot(records, 'abc')).toThrow(
      expect.objectContaining({ code: 'REF_AMBIGUOUS', facts: { ref: 'abc', candidates: [first.id, second.id] } }),
    );
  });

  it('refuses a text that is a name and an id of different snapshots', () => {
    const named = record('0123', '2026-01-04T12:00:00Z', '/x/face');
    expect(() => findSnapshot([...records, named], 'face')).toThrow(expect.objectContaining({ code: 'REF_AMBIGUOUS' }));
  });

  it('takes a name with an @ in it as it is', () => {
    const named = record('0123', '2026-01-04T12:00:00Z', '/x/me@home');
    expect(findSnapshot([...records, named], 'me@home')).toBe(named);
  });
});
