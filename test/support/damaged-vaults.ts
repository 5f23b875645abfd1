// Vaults with something wrong, each a variation of the sample repository.
import type { Repository } from '../../src/repository/repository.ts';
import { objectName } from '../../src/repository/layout.ts';
import { flipBit, makeSampleRepository, type SampleRepository } from './repository-fixture.ts';

export async function withoutIndex(): Promise<SampleRepository> {
  const made = await makeSampleRepository();
  for (const id of await indexIds(made.repository)) await made.repository.removeFile('index', id as never);
  return made;
}

/** One index file is damaged: what it lists is listed nowhere else. */
export async function withDamagedIndex(): Promise<SampleRepository> {
  const made = await makeSampleRepository();
  for (const id of await indexIds(made.repository)) await flipBit(made.storage, `index/${id}`, 100);
  return made;
}

/** The first blob of the data pack is damaged; the other two are intact. */
export async function withDamagedPack(): Promise<SampleRepository> {
  const made = await makeSampleRepository();
  await flipBit(made.storage, objectName('pack', made.dataPack.id), 200);
  return made;
}

/** The pack of the data is gone. */
export async function withMissingPack(): Promise<SampleRepository> {
  const made = await makeSampleRepository();
  await made.repository.removeFile('pack', made.dataPack.id);
  return made;
}

/** The only snapshot is gone. */
export async function withoutSnapshot(): Promise<SampleRepository> {
  const made = await makeSampleRepository();
  await made.repository.removeFile('snapshot', made.snapshot);
  return made;
}

async function indexIds(repository: Repository): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of repository.listIds('index')) ids.push(id);
  return ids;
}
