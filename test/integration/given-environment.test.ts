// A program that gives its own variables keeps all of ours where they say, and nothing where those of its process do.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createCairn } from '../../src/app/cairn.ts';
import type { ConfigInput } from '../../src/config/config-input.ts';
import { initVault } from '../../src/vault/open-vault.ts';

let scratch: string;
const inside = (name: string): string => join(scratch, name);

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'cairn-env-'));
  for (const name of ['data', 'home', 'others']) mkdirSync(inside(name));
  writeFileSync(join(inside('data'), 'file'), 'content');
  // What the process has, and what nothing may be written to.
  vi.stubEnv('HOME', inside('others'));
  for (const name of ['XDG_DATA_HOME', 'XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'CAIRN_CATALOG']) {
    vi.stubEnv(name, undefined);
  }
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(scratch, { recursive: true });
});

const config = (): ConfigInput => ({
  vaults: { main: { url: inside('vault'), password: { command: 'echo "$PW"' } } },
  sources: { data: { type: 'files', paths: [inside('data')] } },
  plans: { nightly: { sources: ['data'], vault: 'main' } },
  hooks: { 'backup.done': [{ run: 'test -z "$HOME" || touch "$HOME/hook"' }] },
  default: { vault: 'main' },
});

/** Everything that a program does with a configuration: a vault is made, backed up to twice, checked, restored from. */
async function work(env: NodeJS.ProcessEnv): Promise<void> {
  const all = { PW: 'word', PATH: process.env['PATH'], ...env };
  const made = await initVault(inside('vault'), { password: 'word', generatedKey: true, jobs: 1, env: all });
  await made.close();
  await using cairn = await createCairn({ config: config(), env: all, cwd: scratch });
  for (let run = 0; run < 2; run++) {
    const result = await cairn.plan('nightly').run();
    expect(result.status).toBe('complete');
  }
  const vault = await cairn.vault();
  await vault.check();
  await vault.restore('data', { to: inside('out') });
}

const filesIn = (folder: string): string[] => readdirSync(folder, { recursive: true, encoding: 'utf8' });

describe('with a HOME of its own, a program', () => {
  it('has its cache, its memory of sources and its catalog below it, and nothing elsewhere', async () => {
    await work({ HOME: inside('home') });
    const files = filesIn(inside('home'));
    expect(files).toEqual(expect.arrayContaining(['.local/share/cairn/catalog.sqlite', 'hook']));
    expect(files.filter((name) => name.startsWith('.cache/cairn/')).length).toBeGreaterThan(0);
    expect(filesIn(inside('others'))).toEqual([]);
  });

  it('finds its configuration below it', async () => {
    const folder = join(inside('home'), '.config', 'cairn');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'cairn.yaml'), 'sources: { mine: { type: files, paths: [~/letters] } }\n');
    await using cairn = await createCairn({ env: { HOME: inside('home') }, cwd: scratch });
    expect(cairn.config.config.sources['mine']).toMatchObject({ paths: [join(inside('home'), 'letters')] });
  });
});

describe('the variables of a vault', () => {
  it('reach no hook, which has those of the program', async () => {
    const vault = { url: inside('vault'), password: { env: 'PW' }, env: { AWS_SECRET_ACCESS_KEY: { env: 'KEY' } } };
    const hooks = { 'backup.done': [{ run: `echo "$AWS_SECRET_ACCESS_KEY,$AWS_PROFILE" > '${inside('told')}'` }] };
    const env = { PW: 'word', KEY: 'of-the-vault', AWS_PROFILE: 'of-the-program', PATH: process.env['PATH'] };
    const made = await initVault(inside('vault'), { password: 'word', generatedKey: true, jobs: 1, env });
    await made.close();
    await using cairn = await createCairn({
      config: { ...config(), vaults: { main: vault }, hooks },
      env,
      cwd: scratch,
    });
    await cairn.plan('nightly').run();
    expect(readFileSync(inside('told'), 'utf8')).toBe(',of-the-program\n');
  });
});

describe('without any home, a program', () => {
  it('works, and writes to none', async () => {
    await work({});
    expect([filesIn(inside('others')), filesIn(inside('home'))]).toEqual([[], []]);
    expect(existsSync(join(inside('out'), 'data', 'file'))).toBe(true);
  });

  it('has no catalog, and says so when it is asked', async () => {
    await work({});
    await using cairn = await createCairn({ config: config(), env: { PW: 'word' }, cwd: scratch });
    const vault = await cairn.vault();
    expect(() => vault.catalog).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }));
  });

  it('is told of a path that begins with ~', async () => {
    const sources = { mine: { type: 'files', paths: ['~/letters'] } } as const;
    await expect(createCairn({ config: { sources }, env: {}, cwd: scratch })).rejects.toThrow('HOME is not set');
  });
});
