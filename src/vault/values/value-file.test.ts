import { mkdtempDisposable, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { parseValueKey } from '../../values/value-key.ts';
import { isToBeWritten, valueFileName, writeValueFile } from './value-file.ts';

const nameOf = (key: string): string => valueFileName(parseValueKey(key));

describe('the file of a value', () => {
  it.each([
    ['mykey', 'mykey.json'],
    ['Zoë', 'Zoë.json'],
    ['..', '...json'],
    ['app/Settings', 'app%2F%53ettings.json'],
    ['a\nb', 'a%0Ab.json'],
  ])('of %j is %s', (key, name) => {
    expect(nameOf(key)).toBe(name);
  });

  it('is a name of one component, whatever the key is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }), (key) => {
        fc.pre(key.length <= 200 && key.isWellFormed());
        const name = nameOf(key);
        expect(name).not.toMatch(/[/\\\0]/);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(240);
        expect(name.endsWith('.json') && name !== '.json').toBe(true);
      }),
    );
  });

  it('is for its owner only, and dated as the version', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'values-'));
    const file = join(folder.path, 'deeper', 'k.json');
    await writeValueFile(file, utf8('1'), new Date(86_400_000));
    const { mode, mtimeMs } = await stat(file);
    expect([mode & 0o777, mtimeMs, await readFile(file, 'utf8')]).toEqual([0o600, 86_400_000, '1']);
  });

  it('leaves nothing behind where it cannot be written', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'values-'));
    const failure = writeValueFile(folder.path, utf8('1'), new Date(0));
    await expect(failure).rejects.toMatchObject({ code: 'TARGET_INVALID' });
    expect(await readdir(folder.path)).toEqual([]);
  });

  it.each([
    ['never', false, false],
    ['if-changed', true, false],
    ['always', true, false],
  ] as const)('that is there is written with %s: changed %s, the same %s', async (overwrite, changed, same) => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'values-'));
    const file = join(folder.path, 'k.json');
    await writeFile(file, '1');
    expect(await isToBeWritten(file, utf8('2'), { overwrite, time: new Date() })).toBe(changed);
    expect(await isToBeWritten(file, utf8('1'), { overwrite, time: new Date() })).toBe(same);
  });

  it('that is there is written with if-newer where it is older than the version', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'values-'));
    const file = join(folder.path, 'k.json');
    await writeValueFile(file, utf8('1'), new Date(1000));
    expect(await isToBeWritten(file, utf8('2'), { overwrite: 'if-newer', time: new Date(2000) })).toBe(true);
    expect(await isToBeWritten(file, utf8('2'), { overwrite: 'if-newer', time: new Date(500) })).toBe(false);
  });
});
