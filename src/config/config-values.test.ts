import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configValues } from './config-values.ts';
import { loadConfig } from './load-config.ts';
import type { LoadedConfig } from './loaded-config.ts';

async function loaded(text: string, profile?: string): Promise<LoadedConfig> {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-config-'));
  try {
    const file = join(folder, 'cairn.yaml');
    writeFileSync(file, text, { mode: 0o600 });
    const found = await loadConfig({ file, profile, env: { HOME: '/home/u' } });
    if (found === undefined) throw new Error('not found');
    return found;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('the values of a configuration', () => {
  const text = `vaults:
  main:
    url: rest:https://me:hunter2@host/
    password: hunter3
    env: { A: 'Bearer hunter4 \${TOKEN}', B: '\${TOKEN}', C: { file: /f }, D: { command: echo hunter5 } }
    retryLock: 5m
sources:
  a: { type: files, paths: [/x, /y] }
profiles:
  p: { vaults: { main: { retryLock: 1m } } }
`;

  it('have the line of each key, and of the profile that changed it', async () => {
    const values = configValues(await loaded(text, 'p'), { defaults: false });
    const lines = Object.fromEntries(values.map(({ key, position }) => [key, position?.line]));
    expect(lines).toMatchObject({ 'vaults.main.url': 3, 'vaults.main.retryLock': 10, 'sources.a.paths': 8 });
    expect(values.find(({ key }) => key === 'vaults.main.retryLock')?.value).toBe('60s');
  });

  it('show no secret, and say where it is', async () => {
    const values = configValues(await loaded(text), { defaults: true });
    const shown = values.map(({ key, value }) => `${key} = ${value}`).join('\n');
    expect(shown).not.toContain('hunter');
    expect(shown).toContain('vaults.main.url = rest:https://me:[redacted]@host/');
    expect(shown).toContain('vaults.main.password = [redacted]');
    expect(shown).toContain('vaults.main.env.A = [redacted] with ${TOKEN}');
    expect(shown).toContain('vaults.main.env.B = ${TOKEN}');
    expect(shown).toContain('vaults.main.env.C = the file /f');
    expect(shown).toContain('vaults.main.env.D = what its command prints');
  });

  it('show nothing of a password with an @ in it, nor what an option of a plugin calls a secret', async () => {
    const odd = `vaults: { main: { url: 'rest:https://me:hun@ter2@host/' } }
sources: { a: { type: plugin, of: x, options: { apiToken: hunter3, deep: [{ password: hunter4 }], level: 3 } } }
plugins: [{ use: ./p.ts, options: { client_secret: hunter5, region: eu } }]
`;
    const shown = configValues(await loaded(odd), { defaults: true }).map(({ key, value }) => `${key} = ${value}`);
    expect(shown.join('\n')).not.toMatch(/hun|ter2/);
    expect(shown).toContain('vaults.main.url = rest:https://me:[redacted]@host/');
    expect(shown).toContain('plugins[0].options.region = eu');
  });

  it('have what the file does not say only when asked', async () => {
    const config = await loaded(text);
    expect(configValues(config, { defaults: false }).some(({ key }) => key === 'sources.a.gitignore')).toBe(false);
    expect(configValues(config, { defaults: true })).toContainEqual({
      key: 'sources.a.gitignore',
      value: 'false',
      position: undefined,
    });
  });
});
