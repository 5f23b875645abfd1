// Where the tests' programs keep what they would keep in a home directory: the catalog, and caches of vaults that do not
// say otherwise. One folder for a run of Vitest, removed at its end; a run of tests never writes into the user's home.
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// The configuration and this file run in one process, the tests in others.
const folder = join(tmpdir(), `cairn-tests-${process.pid}`);

/** The environment of every test. */
export const privateFolders: Readonly<Record<string, string>> = {
  CAIRN_TESTS: folder,
  XDG_DATA_HOME: join(folder, 'data'),
  XDG_CACHE_HOME: join(folder, 'cache'),
  CAIRN_CATALOG: '',
  // Threads and programs that tests start from src/, thousands of them: half of what each costs is stripping and
  // compiling the same modules again. Node looks at the content of each, so that this is no state that tests share.
  NODE_COMPILE_CACHE: join(folder, 'code'),
};

/** Called by Vitest when all is over. */
export function teardown(): void {
  rmSync(folder, { recursive: true, force: true });
}
