// A secret that a program prints.
import { spawn } from 'node:child_process';
import { messageOf } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import { withoutSpaceAround } from '../base/secret-of-file.ts';

export type CommandOutput =
  | { readonly ok: true; readonly secret: Secret }
  | { readonly ok: false; readonly reason: string; readonly cause?: unknown };

export interface SecretCommandOptions {
  readonly signal?: AbortSignal | undefined;
  readonly cwd?: string | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
}

/** Runs `sh -c COMMAND` once. It may ask on the terminal. Throws the reason of `signal` only. */
export async function secretOfCommand(
  command: string,
  { signal, cwd, env = process.env }: SecretCommandOptions = {},
): Promise<CommandOutput> {
  return await new Promise((resolve, reject) => {
    const child = spawn(command, { shell: true, stdio: ['inherit', 'pipe', 'inherit'], signal, cwd, env });
    const parts: Buffer[] = [];
    child.stdout.on('data', (part: Buffer) => parts.push(part));
    child.on('error', (error) =>
      signal?.aborted === true ? reject(signal.reason) : resolve({ ok: false, reason: messageOf(error), cause: error }),
    );
    child.on('close', (code, killedBy) => {
      if (code === 0) resolve({ ok: true, secret: new Secret(withoutSpaceAround(Buffer.concat(parts))) });
      else resolve({ ok: false, reason: killedBy === null ? `exit code ${code}` : `signal ${killedBy}` });
    });
  });
}
