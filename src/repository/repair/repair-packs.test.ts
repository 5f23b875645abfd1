import { describe, expect, it } from 'vitest';
import { badSector } from '../../../test/support/bad-sector.ts';
import { withDamagedPack } from '../../../test/support/damaged-vaults.ts';
import {
  makeSampleRepository,
  type SampleRepository,
  storeIndex,
  storePack,
  type StoredPack,
  withOrigin,
} from '../../../test/support/repository-fixture.ts';
import { utf8 } from '../../base/bytes.ts';
import { CairnError } from '../../base/errors.ts';
import type { PackId } from '../../base/ids.ts';
import { faulty } from '../../storage/layers/faulty.ts';
import { StorageLayer } from '../../storage/layers/storage-layer.ts';
import type { ReadOptions, Storage } from '../../storage/storage.ts';
import { readBlob } from '../blob-reader.ts';
import { loadIndex } from '../index/load-index.ts';
import { objectName } from '../layout.ts';
import { applyPackRepair, type PackRepairPlan, planPackRepair } from './repair-packs.ts';

/** What is read of a pack has one bit wrong in a blob of `blobs`, in turn; its last bytes come as they are. */
class Disturbed extends StorageLayer {
  readonly #pack: StoredPack;
  readonly #blobs: readonly number[];
  #reads = 0;

  constructor(inner: Storage, pack: StoredPack, blobs: readonly number[]) {
    super(inner);
    this.#pack = pack;
    this.#blobs = blobs;
  }

  override async read(name: string, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.inner.read(name, options);
    const offset = this.#pack.blobs[this.#blobs[this.#reads % this.#blobs.length] ?? 0]?.offset ?? 0;
    if (name !== objectName('pack', this.#pack.id) || options.length !== undefined) return bytes;
    this.#reads++;
    bytes[offset + 20] = (bytes[offset + 20] ?? 0) ^ 1;
    return bytes;
  }
}

async function plan({ repository }: SampleRepository, ...ids: readonly PackId[]): Promise<PackRepairPlan> {
  return planPackRepair(repository, await loadIndex(repository), ids);
}

async function repair(made: SampleRepository, ...ids: readonly PackId[]): Promise<readonly PackId[]> {
  const index = await loadIndex(made.repository);
  const planned = await planPackRepair(made.repository, index, ids);
  return (await applyPackRepair(made.repository, index, planned)).removedPacks;
}

describe('a pack of which the device cannot read a part', () => {
  it.each([0, 1, 2])('gives back every blob but the one there (%d)', async (bad) => {
    const made = await makeSampleRepository();
    const name = objectName('pack', made.dataPack.id);
    const { offset = 0, id } = made.dataPack.blobs[bad] ?? {};
    const repository = withOrigin(made.repository, badSector(made.storage, name, offset + 5));
    const { packs } = await plan({ ...made, repository }, made.dataPack.id);
    expect(packs).toMatchObject([{ state: 'damaged', savedBlobs: 2, elsewhere: [], lost: [{ type: 'data', id }] }]);
    expect(await repair({ ...made, repository }, made.dataPack.id)).toEqual([made.dataPack.id]);
    const index = await loadIndex(made.repository);
    for (const blob of made.dataBlobs.filter((each) => each !== id)) {
      await expect(readBlob(made.repository, index, 'data', blob)).resolves.toBeDefined();
    }
  });

  it('loses nothing where that is the header', async () => {
    const made = await makeSampleRepository();
    const name = objectName('pack', made.dataPack.id);
    const { sizeBytes = 0 } = (await made.storage.stat(name)) ?? {};
    const repository = withOrigin(made.repository, badSector(made.storage, name, sizeBytes - 1));
    expect((await plan({ ...made, repository }, made.dataPack.id)).packs).toMatchObject([
      { state: 'damaged', savedBlobs: 3, lost: [] },
    ]);
  });
});

describe('a pack that is to be repaired', () => {
  it('and is intact stays', async () => {
    const made = await makeSampleRepository();
    const { id } = made.dataPack;
    expect(await plan(made, id)).toEqual({ packs: [{ state: 'intact', id }] });
    expect(await repair(made, id)).toEqual([]);
    expect(await made.storage.stat(objectName('pack', id))).toBeDefined();
  });

  it('and is not there is named', async () => {
    const made = await makeSampleRepository();
    const id = 'ab'.repeat(32) as PackId;
    expect(await plan(made, id)).toEqual({ packs: [{ state: 'missing', id }] });
  });

  it('is read in full: what is good and what is lost is known before anything is done', async () => {
    const made = await withDamagedPack();
    const { packs } = await plan(made, made.dataPack.id, made.dataPack.id);
    expect(packs).toMatchObject([
      { state: 'damaged', savedBlobs: 2, elsewhere: [], lost: [{ type: 'data', id: made.dataBlobs[0] }] },
    ]);
  });

  it('loses nothing where another pack has the damaged blob', async () => {
    const made = await withDamagedPack();
    const copy = await storePack(made.repository, [{ type: 'data', plain: utf8('one '.repeat(5000)) }]);
    await storeIndex(made.repository, [copy]);
    const { packs } = await plan(made, made.dataPack.id);
    expect(packs).toMatchObject([{ elsewhere: [{ id: made.dataBlobs[0] }], lost: [] }]);
    expect(await repair(made, made.dataPack.id)).toEqual([made.dataPack.id]);
    const index = await loadIndex(made.repository);
    for (const id of made.dataBlobs) await readBlob(made.repository, index, 'data', id);
  });

  it('counts a copy in a pack that is repaired as well as none', async () => {
    const made = await withDamagedPack();
    const copy = await storePack(made.repository, [{ type: 'data', plain: utf8('one '.repeat(5000)) }]);
    await storeIndex(made.repository, [copy]);
    const { packs } = await plan(made, made.dataPack.id, copy.id);
    expect(packs[0]).toMatchObject({ elsewhere: [], lost: [{ id: made.dataBlobs[0] }] });
  });

  it('is handed over before anything is changed, so that a copy can be kept', async () => {
    const made = await withDamagedPack();
    const copies: number[] = [];
    await planPackRepair(made.repository, await loadIndex(made.repository), [made.dataPack.id], {
      onDamagedPack: async (_, bytes) => void copies.push(bytes.length),
    });
    const { sizeBytes } = (await made.storage.stat(objectName('pack', made.dataPack.id)))!;
    expect(copies).toEqual([sizeBytes]);
  });

  it('is saved all that came right in one of two readings, where the line flips bits', async () => {
    const made = await withDamagedPack();
    const repository = withOrigin(made.repository, new Disturbed(made.storage, made.dataPack, [1, 2]));
    const { packs } = await plan({ ...made, repository }, made.dataPack.id);
    expect(packs).toMatchObject([{ savedBlobs: 2, lost: [{ id: made.dataBlobs[0] }] }]);
  });

  it('stays where less of it comes than was planned to be saved', async () => {
    const made = await withDamagedPack();
    const index = await loadIndex(made.repository);
    const planned = await planPackRepair(made.repository, index, [made.dataPack.id]);
    const repository = withOrigin(made.repository, new Disturbed(made.storage, made.dataPack, [1]));
    await expect(applyPackRepair(repository, index, planned)).rejects.toMatchObject({ code: 'STORAGE_IO' });
    await readBlob(made.repository, await loadIndex(made.repository), 'data', made.dataBlobs[1]!);
  });

  it('stays where the lock is lost before it is removed', async () => {
    const made = await withDamagedPack();
    const index = await loadIndex(made.repository);
    const planned = await planPackRepair(made.repository, index, [made.dataPack.id]);
    const lost = new CairnError('LOCK_LOST', 'the lock was lost');
    const assertHeld = (): Promise<void> => Promise.reject(lost);
    await expect(applyPackRepair(made.repository, index, planned, { assertHeld })).rejects.toBe(lost);
    expect(await made.storage.stat(objectName('pack', made.dataPack.id))).toBeDefined();
  });

  it('leaves every pack listed once where an earlier run was stopped before the old index went', async () => {
    const made = await withDamagedPack();
    const storage = faulty(made.storage);
    storage.inject({ how: 'fail', from: 1, when: ({ kind }) => kind === 'remove' });
    const { id } = made.dataPack;
    await expect(repair({ ...made, repository: withOrigin(made.repository, storage) }, id)).rejects.toThrow(/remove/u);
    expect(await repair(made, id)).toEqual([id]);
    const warnings: string[] = [];
    await loadIndex(made.repository, { onWarning: (message) => warnings.push(message) });
    expect(warnings).toEqual([]);
  });

  it('is salvaged by its own header where the index does not list it', async () => {
    const made = await withDamagedPack();
    for await (const { id } of made.repository.listIds('index')) await made.repository.removeFile('index', id);
    await storeIndex(made.repository, [made.treePack]);
    await repair(made, made.dataPack.id);
    const index = await loadIndex(made.repository);
    for (const id of made.dataBlobs.slice(1)) await readBlob(made.repository, index, 'data', id);
  });
});
