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

describe('loading', () => {
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
