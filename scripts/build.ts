// Builds what the package ships: WASM kernels, then dist/, then dist/bundle/; and fills V8's code cache beside it. `npm ci` runs it as `prepare`, so it may
// use nothing but Node and installed npm packages.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, globSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const kernelsScript = join(root, 'scripts', 'build-kernels.ts');
const generatedKernels = join('kernels', 'generated');
const binaries = join(root, 'node_modules', '.bin');

function run(program: string, args: readonly string[]): void {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: 'inherit' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${[program, ...args].join(' ')} ended with exit code ${status}`);
}

function buildKernels(): void {
  run(process.execPath, [kernelsScript]);
}

function compile(): void {
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  run(join(binaries, 'tsc'), ['--project', 'tsconfig.build.json']);
  const source = join(root, 'src', generatedKernels);
  for (const file of globSync('**/*.wasm', { cwd: source })) {
    cpSync(join(source, file), join(root, 'dist', generatedKernels, file));
  }
}

/** tsc rewrites `.ts` in imports only; a worker started from such a URL would be found in src/ and missing in dist/. */
function refuseTypeScriptUrls(): void {
  for (const file of globSync('dist/**/*.js', { cwd: root })) {
    const found = /new URL\(\s*['"][^'"]+\.ts['"]/u.exec(readFileSync(join(root, file), 'utf8'));
    if (found !== null) throw new Error(`${file}: ${found[0]}…) names a .ts file that dist/ does not have`);
  }
}

function prepareCommands(): void {
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: Record<string, string> };
  for (const path of Object.values(bin)) {
    const target = join(root, path);
    if (!readFileSync(target, 'utf8').startsWith('#!/usr/bin/env node\n')) {
      throw new Error(`${path} must start with #!/usr/bin/env node`);
    }
    chmodSync(target, 0o755);
  }
}

/**
 * In a checkout, `npx cairn` links the checkout into npm's cache, and npm runs `prepare` for a linked package: the
 * command would wait for a build that `npm ci` has already made.
 */
function isBuiltForNpx(): boolean {
  return process.env['npm_command'] === 'exec' && existsSync(join(root, 'dist', 'bundle', 'cairn.js'));
}

async function build(): Promise<void> {
  buildKernels();
  compile();
  refuseTypeScriptUrls();
  // Loads the bundler, which npx has no time for.
  const { bundle } = await import('./bundle.ts');
  await bundle(root);
  prepareCommands();
  const { warmCode } = await import('./warm-code.ts');
  warmCode(root);
}

try {
  if (!isBuiltForNpx()) await build();
} catch (error) {
  console.error(`build failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
