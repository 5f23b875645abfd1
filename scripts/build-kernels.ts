// Compiles src/kernels/assembly to src/kernels/generated/kernels.wasm, in a process of its own,
// because the compiler's types redefine globals of Node.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const root = path.dirname(import.meta.dirname);
const packageFile = createRequire(import.meta.url).resolve('assemblyscript/package.json');
const compiler = path.join(path.dirname(packageFile), 'bin/asc.js');

// The memory is imported and shared, so that the caller decides its size. Its limits here are the
// widest there are; the real memory has initial = maximum and never grows. The kernels keep nothing
// but tables at fixed addresses: no runtime, no collector, no data segments.
const options =
  'src/kernels/assembly/kernels.ts --outFile src/kernels/generated/kernels.wasm ' +
  '-O3 --noAssert --runtime stub ' +
  '--importMemory --sharedMemory --initialMemory 1 --maximumMemory 65536 ' +
  '--enable threads --enable simd';

mkdirSync(path.join(root, 'src/kernels/generated'), { recursive: true });
const { status } = spawnSync(process.execPath, [compiler, ...options.split(' ')], { cwd: root, stdio: 'inherit' });
if (status !== 0) process.exitCode = 1;
