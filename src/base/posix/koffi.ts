import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import type * as Koffi from 'koffi';

const PROBE_KEY = 'cairn.koffi-loads';

/** The one door to koffi, which calls C functions of this process. Throws the reason where it does not load. */
export function loadKoffi(): typeof Koffi {
  const require = createRequire(import.meta.url);
  probeKoffi(require.resolve('koffi'));
  return require('koffi') as typeof Koffi;
}

/**
 * koffi has been seen to abort the whole process while loading under musl (koffi issue 273), which no
 * `catch` survives. There a child process tries it first; worker threads inherit the answer.
 */
function probeKoffi(koffiPath: string): void {
  if (!usesMusl()) return;
  let loads = getEnvironmentData(PROBE_KEY);
  if (typeof loads !== 'boolean') {
    const script = 'require(process.argv[1]).load(null)';
    loads = spawnSync(process.execPath, ['-e', script, koffiPath], { stdio: 'ignore', timeout: 10_000 }).status === 0;
    setEnvironmentData(PROBE_KEY, loads);
  }
  if (!loads) throw new Error('koffi does not load here');
}

function usesMusl(): boolean {
  try {
    return fs.readFileSync('/proc/self/maps', 'latin1').includes('/ld-musl-');
  } catch {
    return true;
  }
}
