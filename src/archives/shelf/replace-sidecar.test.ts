import { expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { openMemoryStorage } from '../../storage/drivers/memory.ts';
import { StorageLayer } from '../../storage/layers/storage-layer.ts';
import type { WriteOptions } from '../../storage/storage.ts';
import { encodeSidecar, type Sidecar } from '../sidecar.ts';
import { deleteArchive } from './delete-archive.ts';
import { replaceSidecar } from './replace-sidecar.ts';

const object = 'archives/site/site.20261125T233000Z.tar';
const { signal } = new AbortController();
const sidecar: Sidecar = {
  name: 'site',
  host: 'desk',
  time: new Date('2026-11-25T23:30:00Z'),
  tags: [],
  paths: ['/site'],
  codec: 'none',
  encryption: 'none',
  headerBytes: 0,
  fileCount: 0,
  directoryCount: 1,
  sourceBytes: 0,
  tarBytes: 4,
  storedBytes: 4,
  storedSha256: '0'.repeat(64),
  tarSha256: '0'.repeat(64),
  problems: 0,
  program: 'test',
};

/** Somebody deletes the archive just before a sidecar is written. */
class DeletedMeanwhile extends StorageLayer {
  override async write(name: string, data: Uint8Array | readonly Uint8Array[], options?: WriteOptions): Promise<void> {
    await deleteArchive(this.inner, object, signal);
    await this.inner.write(name, data, options);
  }
}

it('leaves no sidecar of an archive that is deleted meanwhile', async () => {
  const storage = openMemoryStorage();
  await storage.write(object, utf8('1234'));
  await storage.write(`${object}.json`, encodeSidecar(sidecar));
  const replacing = replaceSidecar(new DeletedMeanwhile(storage), object, (now) => ({ ...now, tags: ['x'] }), signal);
  await expect(replacing).rejects.toMatchObject({ code: 'OBJECT_MISSING' });
  expect(await Array.fromAsync(storage.list(''))).toEqual([]);
});
