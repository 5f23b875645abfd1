// What is remembered of a source may only be trusted while every index file that lists its blobs is there,
// also the index files of other runs whose blobs a run found and did not store again.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ArchiveResult } from '../../src/archiver/archive.ts';
import type { IndexId } from '../../src/base/ids.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { backUpFolder, errorsIn, recordOf } from '../support/archive-fixture.ts';
import { makeRepository } from '../support/repository-fixture.ts';

let root: string;
let memoryFolder: string;
beforeEach(() => {
  root = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-source-')));
  memoryFolder = join(root, 'memory');
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

async function indexIds(repository: Repository): Promise<IndexId[]> {
  const ids: IndexId[] = [];
  for await (const { id } of repository.listIds('index')) ids.push(id);
  return ids;
}

it('is not trusted when an index file of another run, whose blob was reused, is gone', async () => {
  const { repository } = await makeRepository();
  const [one, two] = [join(root, 'one'), join(root, 'two')];
  for (const folder of [one, two]) fs.mkdirSync(folder);
  const shared = randomBytes(100_000);
  fs.writeFileSync(join(one, 'own'), 'own');
  fs.writeFileSync(join(two, 'shared'), shared);
  const backUpOne = (parent?: ArchiveResult): Promise<ArchiveResult> =>
    backUpFolder(repository, one, { memoryFolder, ...(parent === undefined ? {} : { parent: recordOf(parent) }) });

  let last = await backUpOne();
  const before = await indexIds(repository);
  await backUpFolder(repository, two);
  const foreign = (await indexIds(repository)).find((id) => !before.includes(id));
  fs.writeFileSync(join(one, 'shared'), shared);
  last = await backUpOne(last);
  last = await backUpOne(last);
  await repository.removeFile('index', foreign!);
  last = await backUpOne(last);

  expect(last.snapshot.summary).toMatchObject({ dataBlobs: 1 });
  expect(await errorsIn(repository)).not.toContainEqual(expect.stringContaining(last.snapshot.tree));
});

/** A file of zeros that takes no room. */
function writeSparse(path: string, sizeBytes: number): void {
  fs.writeFileSync(path, '');
  fs.truncateSync(path, sizeBytes);
}

it.each([
  ['a file that all threads read', 1, 65],
  ['more files than one task reads', 30, 3],
])('knows a folder with %s after one run', async (_, count, mebibytes) => {
  const { repository } = await makeRepository();
  const folder = join(root, 'folder');
  fs.mkdirSync(folder);
  for (let i = 0; i < count; i++) writeSparse(join(folder, `large-${i}`), mebibytes * 1024 * 1024);
  for (const name of ['a', 'b', 'z']) fs.writeFileSync(join(folder, name), name);
  const first = await backUpFolder(repository, folder, { memoryFolder });
  const reads = vi.spyOn(repository.storage, 'read');

  const second = await backUpFolder(repository, folder, { memoryFolder, parent: recordOf(first) });

  expect(reads).not.toHaveBeenCalled();
  expect(second.snapshot.tree).toBe(first.snapshot.tree);
  expect(second.snapshot.summary).toMatchObject({ filesUnmodified: count + 3 });
});

it('does not know a folder in which a large file changed while it was read', async () => {
  const { repository } = await makeRepository();
  const folder = join(root, 'folder');
  const large = join(folder, 'large');
  fs.mkdirSync(folder);
  writeSparse(large, 65 * 1024 * 1024);
  const first = await backUpFolder(repository, folder, {
    memoryFolder,
    onProgress: () => fs.appendFileSync(large, '+'),
  });
  expect(first.problems).toMatchObject([{ code: 'SOURCE_CHANGED' }]);
  const reads = vi.spyOn(repository.storage, 'read');

  await backUpFolder(repository, folder, { memoryFolder, parent: recordOf(first) });

  expect(reads).toHaveBeenCalled();
});
