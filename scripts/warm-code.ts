// Runs the built command once over its usual work, so that V8 keeps what it compiled beside the bundle: the first run
// of a user then starts as fast as the second (src/cli/code-cache.ts). What is kept is for this Node and this user.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const LIMIT_MS = 30_000;
/** More than one worker thread takes at once, and a file that is chunked. */
const SMALL_FILES = 200;
const LARGE_FILE_BYTES = 4 * 1024 * 1024;

/** Nothing depends on it but time, so what goes wrong is only told. */
export function warmCode(root: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-warm-'));
  try {
    const tree = makeTree(folder);
    const cairn = (...args: string[]): void => run(root, folder, args);
    cairn('backup', tree);
    // A second run finds the source known; restoring and checking load files of their own.
    cairn('backup', tree);
    cairn('restore', 'latest', '--to', join(folder, 'restored'));
    cairn('check', '--read-data');
    cairn('list');
  } catch (error) {
    console.warn(`the code cache was not filled: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function makeTree(folder: string): string {
  const tree = join(folder, 'tree');
  mkdirSync(join(tree, 'inner'), { recursive: true });
  for (let i = 0; i < SMALL_FILES; i++) writeFileSync(join(tree, 'inner', `${i}.txt`), `file ${i}\n`.repeat(i + 1));
  const large = Buffer.alloc(LARGE_FILE_BYTES);
  for (let at = 0; at < large.length; at += 4) large.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at);
  writeFileSync(join(tree, 'large.bin'), large);
  return tree;
}

function run(root: string, folder: string, args: readonly string[]): void {
  const places = Object.fromEntries(['CACHE', 'CONFIG', 'DATA', 'STATE'].map((name) => [`XDG_${name}_HOME`, folder]));
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    ...places,
    NODE_COMPILE_CACHE: join(root, 'dist', 'bundle', 'code'),
  };
  const command = join(root, 'dist', 'bundle', 'cairn.js');
  const { status, error, stderr } = spawnSync(process.execPath, [command, ...args], {
    env,
    timeout: LIMIT_MS,
    encoding: 'utf8',
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`cairn ${args.join(' ')} ended with exit code ${status}: ${stderr}`);
}
