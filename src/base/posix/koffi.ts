// The package koffi, which calls C functions of this process. Every thread loads it anew. Cairn works where it does not
// load, with losses: it is slower, saves and restores no extended attributes, and restores no devices and times to the
// microsecond only.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import type * as Koffi from 'koffi';

/** Inherited by worker threads: where koffi's compiled library lies, or that koffi must not be loaded. */
const LIBRARY_KEY = 'cairn.koffi-library';
const PROBE_KEY = 'cairn.koffi-loads';

const require = createRequire(import.meta.url);

/** Loads koffi: 8 ms in the first thread, 3 in those that it starts. Throws the reason if it cannot be used here. */
export function loadKoffi(): typeof Koffi {
  const known = loadKnownLibrary();
  if (known !== undefined) return known;
  if (process.platform === 'linux' && usesMusl()) probeKoffi(require.resolve('koffi'));
  const koffi: typeof Koffi & { readonly default: unknown } = require('koffi');
  const modules = Object.values(require.cache).filter((module) => module !== undefined);
  const library = modules.find(({ exports, filename }) => exports === koffi.default && filename.endsWith('.node'));
  if (library !== undefined) setEnvironmentData(LIBRARY_KEY, library.filename);
  return koffi;
}

/** Half of koffi's loading is its search for the right library, which another thread of this process has done. */
function loadKnownLibrary(): typeof Koffi | undefined {
  const path = getEnvironmentData(LIBRARY_KEY);
  if (typeof path !== 'string') return undefined;
  try {
    const koffi: typeof Koffi = require(path);
    return koffi;
  } catch {
    return undefined;
  }
}

/**
 * koffi has been seen to abort the whole process while loading under musl (koffi issue 273), which no
 * `catch` survives. There a child process tries it first; worker threads inherit the answer.
 */
function probeKoffi(koffiPath: string): void {
  let loads = getEnvironmentData(PROBE_KEY);
  if (typeof loads !== 'boolean') {
    const script = 'require(process.argv[1]).load(null)';
    // Not imported: loading it takes 2 ms, and hardly any thread comes here.
    const { spawnSync } = process.getBuiltinModule('node:child_process');
    loads = spawnSync(process.execPath, ['-e', script, koffiPath], { stdio: 'ignore', timeout: 10_000 }).status === 0;
    setEnvironmentData(PROBE_KEY, loads);
  }
  if (!loads) throw new Error('koffi does not load here');
}

function usesMusl(): boolean {
  try {
    return readFileSync('/proc/self/maps', 'latin1').includes('/ld-musl-');
  } catch {
    return true;
  }
}
