import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { idFromBytes, type PackId } from '../../base/ids.ts';
import { openLocalStorage } from '../../storage/drivers/local.ts';
import { openMemoryStorage } from '../../storage/drivers/memory.ts';
import { objectName } from '../layout.ts';
import { type ExpectedPack, findLostPacks } from './lost-packs.ts';

let root: string;
beforeEach(async () => void (root = await mkdtemp(join(tmpdir(), 'cairn-packs-'))));
afterEach(() => rm(root, { recursive: true }));

const { signal } = new AbortController();
const newPack = (): ExpectedPack => ({ id: idFromBytes<PackId>(randomBytes(32)), leastBytes: 10 });

async function store({ id }: ExpectedPack, sizeBytes = 10): Promise<void> {
  const path = join(root, objectName('pack', id));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, new Uint8Array(sizeBytes));
}

const lostOf = async (packs: readonly ExpectedPack[]): Promise<readonly PackId[]> => [
  ...(await findLostPacks(openLocalStorage(root), packs, signal)),
];

describe('lost packs', () => {
  it('are those that are not there, and those that end before their last blob', async () => {
    const [whole, longer, short, gone] = [newPack(), newPack(), newPack(), newPack()] as const;
    await store(whole);
    await store(longer, 11);
    await store(short, 9);
    expect((await lostOf([whole, longer, short, gone])).toSorted()).toEqual([short.id, gone.id].toSorted());
  });

  it('are found by name among very many', async () => {
    const packs = Array.from({ length: 1200 }, newPack);
    const [gone, ...others] = packs;
    for (const pack of others) await store(pack);
    expect(await lostOf(packs)).toEqual([gone?.id]);
  });

  it('are not looked for where each look is a request', async () => {
    expect(await findLostPacks(openMemoryStorage(), [newPack()], signal)).toEqual(new Set());
  });

  it('are too many to be lost where not one is there', async () => {
    await expect(lostOf([newPack(), newPack()])).rejects.toMatchObject({ code: 'BLOB_MISSING', facts: { packs: 2 } });
  });
});
