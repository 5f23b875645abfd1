import { describe, expect, it } from 'vitest';
import { type MirrorPair, mirrorPair, namesIn, textOf } from '../../../test/support/mirror-pair.ts';
import { utf8 } from '../../base/bytes.ts';
import { CairnError } from '../../base/errors.ts';

const unreachable = new CairnError('STORAGE_UNREACHABLE', 'no route', { retry: 'later' });

async function cutOff(): Promise<MirrorPair> {
  const made = mirrorPair();
  await made.mirror.write('config', utf8('c'));
  made.first.inject({ how: 'fail', error: unreachable });
  return made;
}

describe('a mirror whose first storage cannot be reached', () => {
  it('is listed and read from another one, which it says', async () => {
    const { again, changes } = await cutOff();
    const mirror = again();
    expect(await mirror.stat('config')).toBeDefined();
    expect(await namesIn(mirror)).toEqual(['config']);
    expect(await textOf(mirror, 'config')).toBe('c');
    expect(changes).toMatchObject([{ type: 'first-unreachable', url: 'memory:first' }]);
  });

  it('is not written to after that, not even once it is back', async () => {
    const { again, first } = await cutOff();
    const mirror = again();
    await namesIn(mirror);
    first.heal();
    await expect(mirror.write('data/aa/1', utf8('1'))).rejects.toMatchObject({ code: 'STORAGE_READ_ONLY' });
    await expect(mirror.removeMany(['config'])).rejects.toMatchObject({ code: 'STORAGE_READ_ONLY' });
  });

  it('is not taken for another one in the middle of the work', async () => {
    const { mirror } = await cutOff();
    await expect(namesIn(mirror)).rejects.toBe(unreachable);
  });
});

async function setUpEmptied(): Promise<MirrorPair> {
  const setup = mirrorPair();
  for (const name of ['config', 'keys/k', 'snapshots/s']) await setup.other.write(name, utf8(name));
  return setup;
}

describe('a mirror whose first storage holds no vault, as the folder of a disk that is not mounted', () => {
  it('is listed and read from one that has it, which it says', async () => {
    const { mirror, changes } = await setUpEmptied();
    expect(await textOf(mirror, 'config')).toBe('config');
    expect(await namesIn(mirror)).toEqual(['config', 'keys/k', 'snapshots/s']);
    expect(changes).toMatchObject([
      { type: 'first-unreachable', url: 'memory:first', error: { code: 'OBJECT_MISSING' } },
    ]);
  });

  it('is not written to, locks included', async () => {
    const { mirror, first, other } = await setUpEmptied();
    await mirror.read('config');
    await expect(mirror.write('locks/l', utf8('l'))).rejects.toMatchObject({ code: 'STORAGE_READ_ONLY' });
    await expect(mirror.write('data/aa/1', utf8('1'))).rejects.toMatchObject({ code: 'STORAGE_READ_ONLY' });
    expect([await namesIn(first), await namesIn(other)]).toEqual([[], ['config', 'keys/k', 'snapshots/s']]);
  });

  it('is not what the others are compared with', async () => {
    const { mirror } = await setUpEmptied();
    await mirror.read('config');
    await expect(mirror.compare()).rejects.toMatchObject({ code: 'STORAGE_READ_ONLY' });
  });

  it('is no vault where none of them has one', async () => {
    const { mirror, changes } = mirrorPair();
    await expect(mirror.read('config')).rejects.toMatchObject({ code: 'OBJECT_MISSING' });
    await mirror.write('keys/k', utf8('k'));
    expect(changes).toEqual([]);
  });
});
