// The bytes of a secret from a file or a program, as restic reads them: everything but one newline at the end counts.
import { spawn } from 'node:child_process';
import { messageOf } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';

/** A file that Windows tools wrote as UTF-16 with a byte order mark counts as its text. */
export function secretOfFile(bytes: Buffer): Secret {
  return new Secret(withoutNewline(decodeUtf16(bytes)));
}

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
      if (code === 0) resolve({ ok: true, secret: new Secret(withoutNewline(Buffer.concat(parts))) });
      else resolve({ ok: false, reason: killedBy === null ? `exit code ${code}` : `signal ${killedBy}` });
    });
  });
}

function decodeUtf16(bytes: Buffer): Buffer {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return Buffer.from(bytes.subarray(2).toString('utf16le'));
  if (bytes[0] === 0xfe && bytes[1] === 0xff) {
    const even = Buffer.from(bytes.subarray(2, bytes.length - (bytes.length % 2)));
    return Buffer.from(even.swap16().toString('utf16le'));
  }
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return bytes.subarray(3);
  return bytes;
}

function withoutNewline(bytes: Buffer): Buffer {
  let end = bytes.length;
  if (bytes[end - 1] === 0x0a) {
    end--;
    if (bytes[end - 1] === 0x0d) end--;
  }
  return bytes.subarray(0, end);
}
