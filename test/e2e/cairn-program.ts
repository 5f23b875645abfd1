// Runs the built command line as its users do: a child process with a home of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { program } from './build-program.ts';

/** `nobody` of most systems; what root starts as this user cannot read what only root may. */
const NOBODY = 65_534;
export const isRoot: boolean = process.getuid?.() === 0;

export interface Ended {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** A descriptor that takes stdout. */
  readonly stdout?: number;
  /** Run as a user without rights, where this process may choose. */
  readonly asNobody?: boolean;
}

/** A home directory with nothing set up, removed when disposed. */
export class Home implements AsyncDisposable {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<Home> {
    const path = await mkdtemp(join(tmpdir(), 'cairn-e2e-'));
    await chmod(path, 0o777);
    return new Home(path);
  }

  get vault(): string {
    return join(this.path, '.local', 'share', 'cairn', 'vault');
  }

  get key(): string {
    return join(this.path, '.config', 'cairn', 'key');
  }

  file(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  async folder(...parts: string[]): Promise<string> {
    const path = this.file(...parts);
    await mkdir(path, { recursive: true });
    return path;
  }

  start(args: readonly string[], options: RunOptions = {}): ChildProcess {
    const user = options.asNobody === true && isRoot ? { uid: NOBODY, gid: NOBODY } : {};
    return spawn(process.execPath, [program, ...args], {
      cwd: this.path,
      env: { PATH: process.env['PATH'] ?? '', HOME: this.path, LANG: 'C.UTF-8', TZ: 'UTC', ...options.env },
      stdio: ['pipe', options.stdout ?? 'pipe', 'pipe'],
      ...user,
    });
  }

  async run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    const child = this.start(args, options);
    child.stdin?.end(options.input ?? '');
    return ended(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

/** Everything a program printed, once it has ended. */
export async function ended(child: ChildProcess): Promise<Ended> {
  const read = async (name: 'stdout' | 'stderr'): Promise<string> => {
    const stream = child[name];
    return stream === null ? '' : Buffer.concat(await stream.toArray()).toString();
  };
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr] = await Promise.all([read('stdout'), read('stderr')]);
  return { exit: await exit, stdout, stderr };
}

/** The error of a run with `--json`. */
export function errorOf({ stderr }: Ended): { code: string; message: string; hint: string | null; exit: number } {
  return (JSON.parse(stderr) as { error: { code: string; message: string; hint: string | null; exit: number } }).error;
}
