import { describe, expect, it } from 'vitest';
import { flipBit, makeRepository, withOrigin } from '../../test/support/repository-fixture.ts';
import { utf8 } from '../base/bytes.ts';
import type { Storage } from '../storage/storage.ts';
import { objectName } from './layout.ts';

const json = utf8('{"time":"x"}');

describe('Repository', () => {
  it.each([1, 2] as const)('gives back a stored document in version %i', async (version) => {
    const { repository } = await makeRepository({ version });
    const id = await repository.saveUnpacked('snapshot', json);
    expect(await repository.loadUnpacked('snapshot', id)).toEqual(json);
  });

  it('names the file that does not match its name', async () => {
    const { storage, repository } = await makeRepository();
    const id = await repository.saveUnpacked('index', json);
    await flipBit(storage, objectName('index', id), 200);
    await expect(repository.loadUnpacked('index', id)).rejects.toMatchObject({
      code: 'INDEX_CORRUPT',
      message: expect.stringContaining(`index/${id}`),
    });
  });

  it('reads once more when a transfer went wrong', async () => {
    const { storage, repository } = await makeRepository();
    const id = await repository.saveUnpacked('snapshot', json);
    const flaky = withOrigin(repository, corruptingFirstRead(storage));
    expect(await flaky.loadUnpacked('snapshot', id)).toEqual(json);
  });

  it('lists ids and skips names that are none', async () => {
    const { storage, repository } = await makeRepository();
    const id = await repository.saveUnpacked('lock', json);
    await storage.write(`locks/README`, json);
    const ids = [];
    for await (const info of repository.listIds('lock')) ids.push(info.id);
    expect(ids).toEqual([id]);
  });
});

function corruptingFirstRead(inner: Storage): Storage {
  let reads = 0;
  return new Proxy(inner, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      if (property !== 'read') return value.bind(target);
      return async (name: string) => {
        const bytes = Uint8Array.from(await target.read(name));
        if (reads++ === 0) bytes[3] = bytes[3]! ^ 1;
        return bytes;
      };
    },
  });
}
