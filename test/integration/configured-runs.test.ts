import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/config-input.ts';
import { ConfiguredFolder } from '../support/configured-folder.ts';

let folder: ConfiguredFolder;

beforeEach(() => {
  folder = new ConfiguredFolder();
});

afterEach(() => folder[Symbol.dispose]());

describe('a configuration at work', () => {
  it('runs a plan: sources in order, with its tags, and what fails is in the result', async () => {
    await folder.makeVault();
    await using cairn = await folder.createCairn();
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
    await folder.makeVault();
    await using cairn = await folder.createCairn();
    const { source, options: naming } = cairn.source('letters');
    const backup = await (await cairn.vault()).backup(source, naming);
    expect(backup).toMatchObject({ name: 'letters', tags: ['paper'] });
  });
});

const DAY_MS = 24 * 60 * 60 * 1000;

const keeping = (): ConfigInput => ({
  ...folder.config(),
  plans: { nightly: { sources: 'letters', vault: 'main', keep: { days: 1 } } },
});

describe('the rules of a plan', () => {
  it('thin out the backups of this machine that the plan makes, and no others of their name', async () => {
    await folder.makeVault();
    await using cairn = await folder.createCairn(keeping());
    const vault = await cairn.vault();
    for (const daysAgo of [11, 10]) {
      const time = new Date(Date.now() - daysAgo * DAY_MS);
      await vault.backup(folder.path, { name: 'letters', time, host: 'elsewhere' });
      await vault.archive(folder.path, { name: 'letters', time, encrypt: false });
      await vault.backup(folder.path, { name: 'letters', time });
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
      sources: { ...sources, others: { type: 'files', paths: folder.path, name: 'letters' } },
      plans: { nightly: { sources: ['letters', 'others'], vault: 'main' } },
    } as const;
    await expect(folder.createCairn(twice)).rejects.toThrow(/plans\.nightly\.sources\[1\]: .*the name "letters"/);
    await folder.makeVault();
    await using cairn = await folder.createCairn({
      ...keeping(),
      plans: { nightly: { sources: ['letters', 'dump'], vault: 'main', keep: { days: 1 } } },
    });
    expect(() => cairn.plan('nightly').run({ backup: { name: 'all' } })).toThrow(TypeError);
  });
});
