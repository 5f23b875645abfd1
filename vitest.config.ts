import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { privateFolders } from './test/support/private-folders.ts';

const hermetic = {
  env: privateFolders,
  globalSetup: './test/support/private-folders.ts',
  setupFiles: './test/support/own-folders.ts',
};

// Three projects: `unit` needs nothing but Node, `integration` starts real programs on loopback,
// `e2e` drives the built command line as a child process.
export default defineConfig({
  test: {
    // Files at once. Vitest would leave a core to itself, which on two cores means one file after the other, though a file
    // waits a third of its time: for the disk, for servers, for locks.
    maxWorkers: availableParallelism() + 1,
    projects: [
      {
        test: {
          ...hermetic,
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/{documents,property}/**/*.test.ts'],
          // Some count what their process has open, so that files which run at the same time have a process each.
          pool: 'forks',
          isolate: false,
          // A test takes milliseconds. The default of 5 s is no help where a machine is busy with something else.
          testTimeout: 30_000,
        },
      },
      {
        test: {
          ...hermetic,
          name: 'integration',
          include: ['test/{conformance,integration,crash}/**/*.test.ts'],
          pool: 'forks',
          // These start hundreds of threads in one process, and Node strips types with a WebAssembly module in
          // each. Its wrappers around imported functions, when they tier up, run into a bug of V8 in Node 24
          // (`Check failed: jit_page.has_value()`), so they never do. Built code strips nothing.
          execArgv: ['--wasm-wrapper-tiering-budget=1000000000'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          ...hermetic,
          globalSetup: [hermetic.globalSetup, './test/e2e/build-program.ts'],
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          pool: 'forks',
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
