import { describe, expect, it } from 'vitest';
import { flipBit, makeRepository, withOrigin } from '../../test/support/repository-fixture.ts';
import { utf8, utf8Lossy } from '../base/bytes.ts';
import { UnpackedMemory } from '../formats/unpacked.ts';
import type { Storage } from '../storage/storage.ts';
import { objectName } from './layout.ts';

function refuse(): never {
  throw new RangeError('not what I meant');
}

const json = utf8('{"time":"x"}');

describe('Repository', () => {
  it.each([1, 2] as const)('gives back a stored document in version %i', async (version) => {
    const { repository } = await makeRepository({ version });
    const id = await repository.saveUnpacked('snapshot', json);
    expect(await repository.loadUnpacked('snapshot', id)).toEqual(json);
  });

  it.each([1, 2] as const)(
    'shows each of many documents to its user, in one memory, in version %i',
    async (version) => {
      const { repository } = await makeRepository({ version });
      const texts = Array.from({ length: 9 }, (_, n) => JSON.stringify({ text: String(n).repeat((n % 4) * 50_000) }));
      const ids = await Promise.all(texts.map((text) => repository.saveUnpacked('index', utf8(text))));
      const memory = new UnpackedMemory();
      const seen: string[] = [];
      await Promise.all(
        ids.map((id, n) => repository.useUnpacked('index', id, (json) => (seen[n] = utf8Lossy(json)), { memory })),
      );
      expect(seen).toEqual(texts);
    },
  );

  it('passes on what the user of a document throws', async () => {
    const { repository } = await makeRepository();
    const id = await repository.saveUnpacked('index', json);
    const used = repository.useUnpacked('index', id, refuse, { memory: new UnpackedMemory() });
    await expect(used).rejects.toThrow(RangeError);
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
