import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/config-input.ts';
import { initVault } from '../../src/vault/open-vault.ts';
import { createCairn } from '../../src/app/cairn.ts';

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

describe('a configuration at work', () => {
  it('runs a plan: sources in order, with its tags, and what fails is in the result', async () => {
    await makeVault();
    await using cairn = await createCairn({ config: config(), ...options });
    const result = await cairn.plan('nightly').run();
    expect(result).toMatchObject({
      status: 'partial',
      sources: [
        { source: 'letters', outcome: 'saved', backup: { name: 'letters', tags: ['paper', 'nightly'] } },
        { source: 'none', outcome: 'failed', error: { code: 'SOURCE_MISSING' } },
        { source: 'dump', outcome: 'saved', backup: { name: 'dump', tags: ['nightly'] } },
      ],
    });
    const vault = await cairn.vault();
    const parts: Uint8Array[] = [];
    for await (const part of vault.cat('dump', '/dump.txt')) parts.push(part);
    expect(Buffer.concat(parts).toString()).toBe('from env\n');
  });

  it('gives a source for a backup of its own', async () => {
    await makeVault();
    await using cairn = await createCairn({ config: config(), ...options });
    const { source, options: naming } = cairn.source('letters');
    const backup = await (await cairn.vault()).backup(source, naming);
    expect(backup).toMatchObject({ name: 'letters', tags: ['paper'] });
  });
});

const keeping = (): ConfigInput => ({
  ...config(),
  plans: { nightly: { sources: 'letters', vault: 'main', keep: { days: 1 } } },
});

describe('the rules of a plan', () => {
  it('thin out the backups of this machine that the plan makes, and no others of their name', async () => {
    await makeVault();
    await using cairn = await createCairn({ config: keeping(), ...options });
    const vault = await cairn.vault();
    for (const day of [12, 13]) {
      const time = `2024-03-${day}T03:00:00Z`;
      await vault.backup(folder, { name: 'letters', time, host: 'elsewhere' });
      await vault.archive(folder, { name: 'letters', time, encrypt: false });
      await vault.backup(folder, { name: 'letters', time });
    }
    const { sources } = await cairn.plan('nightly').run();
    expect(sources).toMatchObject([{ kept: { outcome: 'applied', removed: 2, failed: 0 } }]);
    const left = (await Array.fromAsync(vault.list())).map(({ form, host }) => [form, host === 'elsewhere']);
    expect(left.filter(([form]) => form === 'archive')).toHaveLength(2);
    expect(left.filter(([, isElsewhere]) => isElsewhere)).toHaveLength(2);
    expect(left).toHaveLength(5);
  });

  it('are refused where two of its sources would push out the backups of each other', async () => {
    const { sources, ...rest } = keeping();
    const twice = {
      ...rest,
      sources: { ...sources, others: { type: 'files', paths: folder, name: 'letters' } },
      plans: { nightly: { sources: ['letters', 'others'], vault: 'main' } },
    } as const;
    await expect(createCairn({ config: twice, ...options })).rejects.toThrow(
      /plans\.nightly\.sources\[1\]: .*the name "letters"/,
    );
    await makeVault();
    await using cairn = await createCairn({
      config: { ...keeping(), plans: { nightly: { sources: ['letters', 'dump'], vault: 'main', keep: { days: 1 } } } },
      ...options,
    });
    expect(() => cairn.plan('nightly').run({ backup: { name: 'all' } })).toThrow(TypeError);
  });
});
