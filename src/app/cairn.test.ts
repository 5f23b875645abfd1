import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfiguredFolder } from '../../test/support/configured-folder.ts';
import { createCairn } from './cairn.ts';

let folder: ConfiguredFolder;

beforeEach(() => {
  folder = new ConfiguredFolder();
});

afterEach(() => folder[Symbol.dispose]());

describe('cairn with a configuration in code', () => {
  it('opens its vaults by name, each once, and closes them', async () => {
    await folder.makeVault();
    await using cairn = await folder.createCairn();
    expect(await cairn.vault('main')).toBe(await cairn.vault());
  });

  it('gives a source as a backup takes it', async () => {
    await using cairn = await folder.createCairn();
    expect(cairn.source('letters')).toMatchObject({
      name: 'letters',
      source: { type: 'files', targets: [folder.path] },
      options: { name: 'letters', tags: ['paper'] },
    });
    expect(cairn.source('dump').source).toMatchObject({ type: 'command', command: 'sh', args: ['-c', 'echo "$WORD"'] });
  });

  it('B07: what code gives counts, and an option that there is not is refused', async () => {
    const misspelt = { conf: {}, env: {} };
    await expect(createCairn(misspelt)).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
    await expect(createCairn({ config: {}, configFile: 'x' })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
    await using cairn = await folder.createCairn();
    expect(() => cairn.plan('nigtly')).toThrow('did you mean nightly?');
    expect(() => cairn.source('x')).toThrow('there is no source "x"');
  });

  it('tries again to open a vault that was not there', async () => {
    await using cairn = await folder.createCairn();
    await expect(cairn.vault()).rejects.toMatchObject({ code: 'VAULT_MISSING' });
    await folder.makeVault();
    expect((await cairn.vault()).url).toBe(folder.url);
  });

  it('uses the file of the folder, with a profile', async () => {
    const text = 'sources: { a: { type: files, paths: [x] } }\nprofiles: { p: { sources: { a: { paths: [y] } } } }\n';
    writeFileSync(join(folder.path, 'cairn.yaml'), text);
    await using cairn = await createCairn({ cwd: folder.path, env: {}, profile: 'p' });
    expect(cairn.config.config.sources['a']).toMatchObject({ paths: [join(folder.path, 'y')] });
  });
});
