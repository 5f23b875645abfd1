// A source in which little has changed: the vault is read, and what has changed is saved, while the rest is still being looked at.
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Source, SourceDirectory } from '../../src/archiver/source.ts';
import { StorageLayer } from '../../src/storage/layers/storage-layer.ts';
import type { ObjectName, ReadOptions } from '../../src/storage/storage.ts';
import { backUp, errorsIn, openFolderSource, recordOf } from '../support/archive-fixture.ts';
import { makeRepository, withOrigin } from '../support/repository-fixture.ts';

const DIRECTORIES = 500;

let root: string;
beforeEach(() => {
  root = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-changed-')));
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

/** Takes a turn for each read, as a disk or a network does, and tells what index files have been read. */
class Watched extends StorageLayer {
  onIndex: () => void = () => {};

  override async read(name: ObjectName, options?: ReadOptions): Promise<Uint8Array<ArrayBuffer>> {
    await nextTurn();
    if (name.startsWith('index/')) this.onIndex();
    return this.inner.read(name, options);
  }
}

/** A source that counts its directories as they are listed. */
function counted(source: Source, onList: () => void): Source {
  const around = (directory: SourceDirectory): SourceDirectory => ({
    path: directory.path,
    list: (report) => {
      onList();
      return directory
        .list(report)
        .map((entry) => (entry.kind === 'directory' ? { ...entry, directory: around(entry.directory) } : entry));
    },
  });
  return { ...source, root: around(source.root) };
}

it('is not looked at to its end before the vault is read', async () => {
  const folder = join(root, 'source');
  for (let i = 0; i < DIRECTORIES; i++) {
    fs.mkdirSync(join(folder, `d${i}`), { recursive: true });
    fs.writeFileSync(join(folder, `d${i}`, 'file'), `content ${i}`);
  }
  const { repository, storage } = await makeRepository();
  const watched = new Watched(storage);
  const over = withOrigin(repository, watched);
  const memoryFolder = join(root, 'memory');
  const first = await backUp(over, await openFolderSource(folder), { memoryFolder });

  fs.writeFileSync(join(folder, 'd0', 'file'), 'changed');
  let listed = 0;
  let listedWhenRead: number | undefined;
  watched.onIndex = () => (listedWhenRead ??= listed);
  const source = counted(await openFolderSource(folder), () => listed++);
  await backUp(over, source, { memoryFolder, parent: recordOf(first) });

  expect(listed).toBe(DIRECTORIES + 1);
  expect(listedWhenRead).toBeLessThan(DIRECTORIES);
  expect(await errorsIn(repository)).toEqual([]);
});
