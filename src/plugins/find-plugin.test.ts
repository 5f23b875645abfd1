import { chmod, chown, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findPlugin } from './find-plugin.ts';
import { importPlugin } from './import-plugin.ts';

let folder: string;
let pluginsFolder: string;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'cairn-plugins-')));
  pluginsFolder = join(folder, 'plugins');
  await mkdir(pluginsFolder, { mode: 0o755 });
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function file(path: string, text = ''): Promise<string> {
  const full = join(folder, path);
  await mkdir(join(full, '..'), { recursive: true, mode: 0o755 });
  await writeFile(full, text, { mode: 0o644 });
  await chmod(full, 0o644);
  return full;
}

const find = (use: string): Promise<string> => findPlugin(use, { folder, pluginsFolder });

describe('a plugin is found', () => {
  it('by a path from the folder of the configuration', async () => {
    const path = await file('tools/timer.ts');
    expect(await find('./tools/timer.ts')).toBe(path);
    expect(await find(path)).toBe(path);
  });

  it.each(['timer.mjs', 'timer.js', 'timer.mts', 'timer.ts'])('in the folder of plugins as %s', async (name) => {
    const path = await file(`plugins/${name}`);
    expect(await find('timer')).toBe(path);
    expect(await find(name)).toBe(path);
  });

  it('as a package that is installed where the configuration is', async () => {
    await file('node_modules/cairn-timer/package.json', '{"name":"cairn-timer","main":"main.js"}');
    const path = await file('node_modules/cairn-timer/main.js');
    expect(await find('cairn-timer')).toBe(path);
  });

  it('as a package that exports itself for `import` only', async () => {
    const exports = { '.': { types: './x.d.ts', import: './esm.js' } };
    await file('node_modules/@me/timer/package.json', JSON.stringify({ name: '@me/timer', exports }));
    const path = await file('node_modules/@me/timer/esm.js');
    expect(await find('@me/timer')).toBe(path);
  });

  it('before a package of the same name in the folder of plugins', async () => {
    await file('node_modules/timer/index.js');
    const path = await file('plugins/timer.mjs');
    expect(await find('timer')).toBe(path);
  });

  it.each(['./none.mjs', 'none', '@no/such', '..'])('never as %s, which is not there', async (use) => {
    await expect(find(use)).rejects.toMatchObject({ code: 'PLUGIN_FAILED', facts: { plugin: use, phase: 'load' } });
  });
});

describe.skipIf(process.platform === 'win32')('a plugin that others may write is refused', () => {
  it.each([0o664, 0o646])('as a file of mode %o', async (mode) => {
    const path = await file('timer.mjs');
    await chmod(path, mode);
    await expect(find('./timer.mjs')).rejects.toMatchObject({
      code: 'PLUGIN_FAILED',
      hint: expect.stringContaining('chmod go-w') as unknown,
    });
  });

  it('also behind a symlink', async () => {
    const path = await file('real.mjs');
    await chmod(path, 0o666);
    await symlink(path, join(folder, 'link.mjs'));
    await expect(find('./link.mjs')).rejects.toMatchObject({ facts: { path } });
  });

  it('also in a folder where everybody may put another one in its place', async () => {
    await file('open/timer.mjs');
    await chmod(join(folder, 'open'), 0o777);
    await expect(find('./open/timer.mjs')).rejects.toMatchObject({ facts: { path: join(folder, 'open') } });
    await chmod(join(folder, 'open'), 0o1777);
    expect(await find('./open/timer.mjs')).toBe(join(folder, 'open/timer.mjs'));
  });
});

describe('the module of a plugin', () => {
  it.each([
    ['named.mjs', "export const plugin = { name: 'a', activate() {} };"],
    ['default.mjs', "export default { name: 'a', activate() {} };"],
    ['typed.ts', "const name: string = 'a'; export const plugin = { name, activate(): void {} };"],
    ['common.cjs', "module.exports = { name: 'a', activate() {} };"],
  ])('exports it, as in %s', async (name, text) => {
    expect((await importPlugin(await file(name, text))).name).toBe('a');
  });

  it('that exports none is refused', async () => {
    await expect(importPlugin(await file('empty.mjs', 'export const x = 1;'))).rejects.toThrow('it exports no plugin');
  });
});

// Only root can make a file of somebody else.
it.skipIf(process.getuid?.() !== 0)('a plugin of somebody else in a folder of everybody is refused', async () => {
  const path = await file('shared/timer.ts');
  await chmod(join(folder, 'shared'), 0o1777);
  expect(await find('./shared/timer.ts')).toBe(path);
  await chown(path, 12_345, 12_345);
  await expect(find('./shared/timer.ts')).rejects.toMatchObject({ code: 'PLUGIN_FAILED' });
});
