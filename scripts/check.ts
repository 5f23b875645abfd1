// `npm run check`: format, lint (with types and layers), types, unit tests, unused code, build, package shape.
// Everything runs, so that one look shows all that is wrong; any failure makes the exit code 1.
// With `--no-tests` the unit tests are left to who runs all tests afterwards.
import { spawnSync } from 'node:child_process';

const steps: readonly (readonly [name: string, command: readonly string[]])[] = [
  ['format', ['oxfmt', '--check', 'src', 'test', 'bench', 'scripts']],
  ['lint', ['oxlint', '--type-aware', '--deny-warnings']],
  ['types', ['tsc', '--project', 'tsconfig.json']],
  ['unit tests', ['vitest', 'run', '--project', 'unit']],
  ['unused', ['knip']],
  // A bundle that cannot be made is found only by making it; `package` looks at what comes out.
  ['build', [process.execPath, 'scripts/build.ts']],
  ['package', ['publint', '--strict']],
];

const leftOut = process.argv.includes('--no-tests') ? 'unit tests' : undefined;
const failed: string[] = [];
for (const [name, [program, ...args]] of steps) {
  if (name === leftOut) continue;
  const started = performance.now();
  const { status } = spawnSync(program ?? '', args, { stdio: 'inherit' });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (status !== 0) failed.push(name);
}
if (failed.length > 0) {
  console.error(`check failed: ${failed.join(', ')}`);
  process.exit(1);
}
