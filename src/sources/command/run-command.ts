import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CairnError, isCairnError } from '../../base/errors.ts';
import { createLineTail } from './line-tail.ts';

export interface RunCommandOptions {
  readonly command: string;
  readonly args?: readonly string[] | undefined;
  readonly cwd?: string | undefined;
  /** Default: this process's environment. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** What it reads on standard input, which is empty by default. */
  readonly input?: CommandInput | undefined;
  /** Gets what the command writes to standard error, as it comes. */
  readonly onStderr?: ((chunk: Uint8Array) => void) | undefined;
  /** From asking to end (SIGTERM) to ending by force (SIGKILL). */
  readonly killDelayMs?: number | undefined;
}

export type CommandInput = string | Uint8Array | AsyncIterable<Uint8Array>;

type Child = ChildProcessByStdio<Writable | null, Readable, Readable>;

type Ending =
  | { readonly kind: 'not-started'; readonly error: Error }
  | { readonly kind: 'exited'; readonly exitCode: number }
  | { readonly kind: 'killed'; readonly signal: string };

const KILL_DELAY_MS = 5_000;
const STDERR_WAIT_MS = 500;
const INPUT_WAIT_MS = 500;

/**
 * Standard output of a command that runs without a shell, in a process group of its own. Once the output has
 * ended the exit status is looked at: throws `COMMAND_FAILED` unless it is 0, so that the reader cannot take
 * a cut output for a whole one. Aborting, or leaving the loop early, ends the process group.
 */
export async function* runCommand(options: RunCommandOptions, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  const child = start(options);
  const ended = endingOf(child);
  const fed = feed(child, ended, options.input);
  const stderr = createLineTail();
  child.stderr.on('data', (chunk: Uint8Array) => {
    stderr.add(chunk);
    options.onStderr?.(chunk);
  });
  const stderrEnded = new Promise<void>((resolve) => child.stderr.once('close', resolve));
  const kill = (): void => killGroup(child, ended, options.killDelayMs ?? KILL_DELAY_MS);
  signal.addEventListener('abort', kill, { once: true });
  let finished = false;
  try {
    const output: AsyncIterable<Uint8Array> = child.stdout;
    yield* output;
    const ending = await ended;
    finished = true;
    signal.throwIfAborted();
    const isFine = ending.kind === 'exited' && ending.exitCode === 0;
    // Where both fail, the command's own error is told: its input broke off because it ended.
    if (isFine) await fed;
    if (isFine) return;
    // A process that the command left behind may hold standard error open for ever.
    await Promise.race([stderrEnded, delay(STDERR_WAIT_MS)]);
    throw commandFailed(options.command, ending, stderr.lines());
  } catch (error) {
    signal.throwIfAborted();
    // A program that cannot be started shows first as a broken pipe.
    const ending = child.pid === undefined ? await ended : undefined;
    throw ending === undefined || isCairnError(error) ? error : commandFailed(options.command, ending, []);
  } finally {
    signal.removeEventListener('abort', kill);
    if (!finished) kill();
    await ended;
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

function start({ command, args = [], cwd, env = process.env, input }: RunCommandOptions): Child {
  const common = { cwd, env, detached: true };
  if (input === undefined) return spawn(command, args, { ...common, stdio: ['ignore', 'pipe', 'pipe'] });
  return spawn(command, args, { ...common, stdio: ['pipe', 'pipe', 'pipe'] });
}

/**
 * Writes the input as fast as the command reads it. A command may end before it has read all, as `head` does: that is its own
 * affair. Rejects where the input itself fails; who reads the output looks at that once the command has ended.
 */
function feed({ stdin }: Child, ended: Promise<Ending>, input: CommandInput | undefined): Promise<void> {
  if (stdin === null || input === undefined) return Promise.resolve();
  const parts = typeof input === 'string' || input instanceof Uint8Array ? [input] : input;
  const feeding = pipeline(parts, stdin).catch((error: unknown) => {
    if (!['EPIPE', 'ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED'].includes(codeOf(error)))
      throw error;
  });
  // An input that waits for something is not waited for once the command has ended.
  const fed = Promise.race([feeding, ended.then(() => delay(INPUT_WAIT_MS))]);
  feeding.catch(() => {});
  fed.catch(() => {});
  void ended.then(() => stdin.destroy());
  return fed;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function endingOf(child: Child): Promise<Ending> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ kind: 'not-started', error }));
    child.once('exit', (exitCode, signal) => {
      resolve(signal === null ? { kind: 'exited', exitCode: exitCode ?? 0 } : { kind: 'killed', signal });
    });
  });
}

/** Asks the whole group to end, and ends it by force after a delay. */
function killGroup(child: Child, ended: Promise<Ending>, delayMs: number): void {
  const { pid } = child;
  if (pid === undefined) return;
  const send = (name: NodeJS.Signals): void => {
    try {
      process.kill(-pid, name);
    } catch {
      // Nobody is left in the group.
    }
  };
  send('SIGTERM');
  const timer = setTimeout(() => {
    send('SIGKILL');
    // Whoever left the group and kept the pipe must not keep the reader waiting.
    child.stdout.destroy();
  }, delayMs);
  void ended.then(() => {
    // The command has ended, its children perhaps not: they get no grace of their own.
    send('SIGKILL');
    clearTimeout(timer);
    child.stdout.destroy();
  });
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}

/** Arguments are left out of the message: they may hold secrets. */
function commandFailed(command: string, ending: Ending, stderr: readonly string[]): CairnError {
  const facts = { command, stderr };
  const last = stderr.at(-1);
  const detail = last === undefined ? '' : `: ${last}`;
  switch (ending.kind) {
    case 'not-started':
      return new CairnError('COMMAND_FAILED', `cannot start ${command}: ${ending.error.message}`, {
        cause: ending.error,
        facts,
      });
    case 'killed':
      return new CairnError('COMMAND_FAILED', `${command} was ended by ${ending.signal}${detail}`, {
        facts: { ...facts, signal: ending.signal },
      });
    case 'exited':
      return new CairnError('COMMAND_FAILED', `${command} exited with status ${ending.exitCode}${detail}`, {
        facts: { ...facts, exitCode: ending.exitCode },
      });
    default:
      return ending satisfies never;
  }
}
