// Runs one command of a tool and says what it cost: wall time, processor time, peak memory.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPeer } from '../test/support/peer-catalog.ts';

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface Cost {
  /** Until the process ended and what it wrote reached the disk, in seconds. */
  readonly wallSeconds: number;
  /** User and system time of the process and its children, in seconds. */
  readonly cpuSeconds: number;
  /** Largest resident set of the process or of one child. */
  readonly peakRssBytes: number;
}

const running = new Set<ChildProcess>();

/** Ends everything that is still running, with its children. */
export function endAll(): void {
  for (const child of running) endGroup(child);
}

function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Runs a command to its end and returns its standard output. Throws with its last output if it fails or takes too long. */
export function runCommand(command: Command, timeoutMs: number): Promise<string> {
  const { program, args, cwd, env } = command;
  return new Promise((resolve, reject) => {
    // Its own process group, so that all of it can be ended.
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout.on('data', (data: Buffer) => output.push(data));
    child.stderr.on('data', (data: Buffer) => errors.push(data));
    const timer = setTimeout(() => endGroup(child), timeoutMs);
    const settle = (problem: string | undefined): void => {
      clearTimeout(timer);
      running.delete(child);
      const text = Buffer.concat(output).toString();
      if (problem === undefined) return resolve(text);
      const last = `${text}${Buffer.concat(errors).toString()}`.slice(-2000);
      reject(new Error(`${program} ${args.join(' ')} ${problem}\n${last}`));
    };
    child.once('error', (error) => settle(error.message));
    child.once('close', (code, signal) => {
      if (code === 0) settle(undefined);
      else
        settle(
          signal === null ? `ended with exit code ${code}` : `was ended by ${signal} (limit ${timeoutMs / 1000} s)`,
        );
    });
  });
}

/**
 * Runs a command and measures it. `written` is the directory the command writes to: flushing its file system
 * counts, so that a tool that leaves its data in the page cache gains nothing.
 */
export async function measureCommand(command: Command, written: string, timeoutMs: number): Promise<Cost> {
  const time = findPeer('time');
  if (time === undefined) throw new Error('the bench needs GNU time: node scripts/peers.ts --bench');
  const directory = mkdtempSync(join(tmpdir(), 'bench-'));
  const report = join(directory, 'time');
  try {
    await flush(written);
    const started = performance.now();
    const args = ['-q', '-f', '%U %S %M', '-o', report, command.program, ...command.args];
    await runCommand({ ...command, program: time.path, args }, timeoutMs);
    await flush(written);
    const wallSeconds = (performance.now() - started) / 1000;
    const [user = NaN, system = NaN, rssKib = NaN] = readFileSync(report, 'utf8').trim().split(' ').map(Number);
    return { wallSeconds, cpuSeconds: user + system, peakRssBytes: rssKib * 1024 };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function flush(directory: string): Promise<void> {
  await runCommand({ program: 'sync', args: ['--file-system', directory], env: { PATH: '/usr/bin:/bin' } }, 300_000);
}
