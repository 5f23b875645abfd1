// Vitest's global setup of these tests: what they run is built once, before the first of them. Where that fails nothing is
// run, and the build's own words are the error; each test would otherwise build again, and wait for a program that never starts.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The built command. */
export const program: string = join(root, 'dist', 'bundle', 'cairn.js');

/** Called by Vitest. */
export function setup(): void {
  buildUnlessThere(program, ['scripts/build.ts']);
}

/** Runs the script with Node, in this checkout, unless `made` is there. Throws what it printed where it fails or makes nothing. */
export function buildUnlessThere(made: string, script: readonly string[]): void {
  if (existsSync(made)) return;
  const { status, signal, stdout, stderr, error } = spawnSync(process.execPath, script, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status === 0 && existsSync(made)) return;
  const how = error?.message ?? (status === 0 ? `made no ${made}` : `ended with ${status ?? signal}`);
  throw new Error(`the build ${how}:\n${stdout}${stderr}`);
}
