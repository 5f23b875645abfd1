import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../config/config-input.ts';
import { initVault } from '../vault/open-vault.ts';
import { createCairn } from './cairn.ts';

let folder: string;
let url: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cairn-app-'));
  url = `memory:${folder}`;
  writeFileSync(join(folder, 'a.txt'), 'hello');
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function config(): ConfigInput {
  return {
    vaults: { main: { url, password: '${PW}' } },
    sources: {
      letters: { type: 'files', paths: [folder], tags: ['paper'] },
      none: { type: 'files', paths: ['/nowhere/at/all'] },
      dump: { type: 'command', command: 'echo "$WORD"', filename: 'dump.txt' },
    },
    plans: { nightly: { sources: ['letters', 'none', 'dump'], vault: 'main', tags: ['nightly'] } },
    default: { vault: 'main' },
  };
}

const options = { env: { PW: 'word', WORD: 'from env', PATH: process.env['PATH'] } };

async function makeVault(): Promise<void> {
  const vault = await initVault(url, { password: 'word', generatedKey: true, cache: false });
  await vault.close();
}

describe('cairn with a configuration in code', () => {
  it('opens its vaults by name, each once, and closes them', async () => {
    await makeVault();
    await using cairn = await createCairn({ config: config(), ...options });
    expect(await cairn.vault('main')).toBe(await cairn.vault());
  });

  it('gives a source as a backup takes it', async () => {
    await using cairn = await createCairn({ config: config(), ...options });
    expect(cairn.source('letters')).toMatchObject({
      name: 'letters',
      source: { type: 'files', targets: [folder] },
      options: { name: 'letters', tags: ['paper'] },
    });
    expect(cairn.source('dump').source).toMatchObject({ type: 'command', command: 'sh', args: ['-c', 'echo "$WORD"'] });
  });

  it('B07: what code gives counts, and an option that there is not is refused', async () => {
    // @ts-expect-error -- there is no such option
    await expect(createCairn({ conf: {} })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
    await expect(createCairn({ config: {}, configFile: 'x' })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
    await using cairn = await createCairn({ config: config(), ...options });
    expect(() => cairn.plan('nigtly')).toThrow('did you mean nightly?');
    expect(() => cairn.source('x')).toThrow('there is no source "x"');
  });

  it('tries again to open a vault that was not there', async () => {
    await using cairn = await createCairn({ config: config(), ...options });
    await expect(cairn.vault()).rejects.toMatchObject({ code: 'VAULT_MISSING' });
    await makeVault();
    expect((await cairn.vault()).url).toBe(url);
  });

  it('uses the file of the folder, with a profile', async () => {
    const text = 'sources: { a: { type: files, paths: [x] } }\nprofiles: { p: { sources: { a: { paths: [y] } } } }\n';
    writeFileSync(join(folder, 'cairn.yaml'), text);
    await using cairn = await createCairn({ cwd: folder, env: {}, profile: 'p' });
    expect(cairn.config.config.sources['a']).toMatchObject({ paths: [join(folder, 'y')] });
  });
});
