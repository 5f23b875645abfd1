#!/usr/bin/env node
// This file must parse and run on every Node from 18 up, so that an old Node gets a sentence instead
// of a syntax error: plain syntax and no static imports, and everything else behind the version test.
export {};

const NEEDED_MAJOR = 24;

const [major = '0'] = process.versions.node.split('.');
if (Number(major) < NEEDED_MAJOR) {
  process.stderr.write(
    `cairn needs Node ${NEEDED_MAJOR} or newer, and this is Node ${process.versions.node}.\n` +
      'Install Node 24 (https://nodejs.org), or run it as `npx cairn` in a project that has cairn-backup installed:\n' +
      'with "node": "^24" among its devDependencies, npx uses that Node.\n',
  );
  process.exitCode = 1;
} else if (process.argv.length === 3 && (process.argv[2] === '--version' || process.argv[2] === '-V')) {
  const { programVersion } = await import('../vault/program-version.ts');
  process.stdout.write(`cairn ${programVersion()}\n`);
} else {
  const { enableCodeCache } = await import('./code-cache.ts');
  enableCodeCache(process.env);
  const { startAhead } = await import('./start-ahead.ts');
  startAhead(process.argv.slice(2), process.env);
  const { runProcess } = await import('./run-process.ts');
  await runProcess();
}
