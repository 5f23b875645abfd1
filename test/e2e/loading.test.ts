// Starting is a good part of a short run: a command loads what it uses and nothing else.
import { describe, expect, it } from 'vitest';
import { Home } from './cairn-program.ts';

/** Prints the builtin modules that were loaded, at exit. */
const LIST_AT_EXIT = `data:text/javascript,process.on('exit',()=>console.error('loaded '+process.moduleLoadList.join(' ')))`;

async function builtinsOf(home: Home, ...args: readonly string[]): Promise<readonly string[]> {
  const { exit, stderr } = await home.run(args, { env: { NODE_OPTIONS: `--import "${LIST_AT_EXIT}"` } });
  expect(exit).toBe(0);
  const line = stderr.split('\n').findLast((text) => text.startsWith('loaded ')) ?? '';
  return line.split(' NativeModule ').filter((name) => !name.startsWith('internal/'));
}

/** Prints the name of each file of ours that is loaded. */
const NAME_FILES = `data:text/javascript,import{registerHooks}from'node:module';registerHooks({load(url,context,next){if(url.includes('/bundle/'))process._rawDebug('file '+url.split('/').pop());return next(url,context)}})`;

async function filesOf(home: Home, ...args: readonly string[]): Promise<readonly string[]> {
  const { exit, stderr } = await home.run(args, { env: { NODE_OPTIONS: `--import "${NAME_FILES}"` } });
  expect(exit).toBe(0);
  return Array.from(stderr.matchAll(/^file (.+)\.js$/gmu), ([, name = '']) => name);
}

describe('loading', () => {
  it('a backup without a configuration reads no YAML, and nothing of restores', async () => {
    await using home = await Home.make();
    const loaded = await filesOf(home, 'backup', await home.folder('documents'));
    expect(loaded).toContain('save');
    expect(loaded.filter((name) => ['configuration', 'zod', 'bring-back', 'care'].includes(name))).toEqual([]);
  });

  it('a list is shown with the few files that it needs', async () => {
    await using home = await Home.make();
    await home.run(['backup', await home.folder('documents')]);
    const loaded = await filesOf(home, 'list');
    const usual = ['cairn', 'version', 'code-cache', 'compiled', 'start-ahead', 'start', 'run-process', 'run', 'list'];
    expect(loaded.filter((name) => !usual.includes(name))).toEqual(['open-vault', 'vault', 'list-backups', 'listing']);
  });

  it.each([['backup'], ['list']])('%s with a vault on this machine loads neither HTTP nor TLS', async (command) => {
    await using home = await Home.make();
    const folder = await home.folder('documents');
    const args = command === 'backup' ? [command, folder] : [command];
    if (command === 'list') await home.run(['backup', folder]);
    const loaded = await builtinsOf(home, ...args);
    expect(loaded).toContain('fs');
    expect(loaded.filter((name) => ['http', 'https', 'http2', 'tls'].includes(name))).toEqual([]);
  });

  it('--version loads neither the vault nor threads', async () => {
    await using home = await Home.make();
    const loaded = await builtinsOf(home, '--version');
    expect(loaded.filter((name) => ['worker_threads', 'child_process', 'crypto', 'http'].includes(name))).toEqual([]);
  });
});
