// The program as it is in src/, started as a child process and killed in the middle of what it does.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** For programs that are started in another way. */
export const programFile: string = join(import.meta.dirname, '../../src/cli/main.ts');

/** Most of a start is stripping and compiling, and who is killed keeps nothing of it: the first run that ends fills this. */
const NODE_COMPILE_CACHE = process.env['NODE_COMPILE_CACHE'] ?? '';

export interface ProgramPlace {
  /** Where it has its own files: a temporary folder. */
  readonly home: string;
  /** Of the variables of this process it gets only `PATH`, and where compiled code is kept. */
  readonly env?: Readonly<Record<string, string>>;
  /** A module that is loaded ahead of it. */
  readonly preload?: string;
  /** What is run in place of `programFile`. */
  readonly file?: string;
}

export function startProgram(
  args: readonly string[],
  { home, env = {}, preload, file = programFile }: ProgramPlace,
): ChildProcess {
  const imports = preload === undefined ? [] : ['--import', preload];
  return spawn(process.execPath, [...imports, file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', HOME: home, NODE_COMPILE_CACHE, ...env },
  });
}

export interface ProgramRun {
  /** The exit code, or the signal that ended it. */
  readonly end: number | NodeJS.Signals | null;
  readonly output: string;
  readonly tookMs: number;
}

/** How a program ended that was started just now; `killAfterMs` kills it, wherever it is then. */
export async function endOf(child: ChildProcess, killAfterMs?: number): Promise<ProgramRun> {
  const started = performance.now();
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text) => (output += text));
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  return { end: code ?? signal, output, tookMs: performance.now() - started };
}

/** Throws with what the program printed, unless it ended well. */
export async function succeed(child: ChildProcess): Promise<ProgramRun> {
  const run = await endOf(child);
  if (run.end !== 0) throw new Error(`${child.spawnargs.slice(1).join(' ')} ended with ${run.end}: ${run.output}`);
  return run;
}
