import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { extendEnv, homeFolder, userFolder } from './user-folder.ts';

describe("a user's folder", () => {
  it.each([
    ['data', { XDG_DATA_HOME: '/d', HOME: '/home/ann' }, '/d'],
    ['data', { HOME: '/home/ann' }, '/home/ann/.local/share'],
    ['config', { XDG_CONFIG_HOME: 'relative', HOME: '/home/ann' }, '/home/ann/.config'],
    ['cache', { XDG_CACHE_HOME: '', HOME: '/home/ann' }, '/home/ann/.cache'],
    ['state', { HOME: '/home/ann' }, '/home/ann/.local/state'],
    ['state', { XDG_STATE_HOME: '/s' }, '/s'],
    ['cache', { PATH: '/bin' }, undefined],
    ['cache', { HOME: '' }, undefined],
  ] as const)('for %s by %j is %s', (kind, env, folder) => {
    expect(userFolder(env, kind)).toBe(folder);
  });
});

describe('the home of this process', () => {
  it('is that of its user also where no variable has it', () => {
    const before = process.env['HOME'];
    delete process.env['HOME'];
    try {
      expect(homeFolder(process.env)).toBe(homedir());
      expect(homeFolder({ ...process.env })).toBeUndefined();
      expect(homeFolder(extendEnv(process.env, { MORE: '1' }))).toBe(homedir());
    } finally {
      if (before !== undefined) process.env['HOME'] = before;
    }
  });
});

it('the system is asked for a home directory here, and by ssh, which does so itself', () => {
  const source = new URL('..', import.meta.url).pathname;
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
  );
  const asking = files.filter((name) => /\bhomedir\b/u.test(readFileSync(join(source, name), 'utf8')));
  expect(asking.sort()).toEqual(['base/user-folder.ts', 'storage/drivers/sftp/ssh-settings.ts']);
});
