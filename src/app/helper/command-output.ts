import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { makeFolders } from '../../base/make-folders.ts';
import { CairnArgumentError, CairnError, type ErrorFacts, systemCode } from '../../base/errors.ts';
import { Secret } from '../../base/secret.ts';
import { utf8Lossy } from '../../base/bytes.ts';
import { type CommandInput, runCommand } from '../../sources/command/run-command.ts';
import { Redactor } from '../notifications/redactor.ts';

/** Output that is held in memory where it goes to no file. */
const LARGEST_OUTPUT = 1024 * 1024;

export interface CommandOptions {
  /** Added to this process's environment: the place for passwords, which arguments are not. `undefined` takes one out. */
  readonly env?: Readonly<Record<string, string | Secret | undefined>> | undefined;
  /** What the command reads on standard input, which is empty by default. */
  readonly input?: CommandInput | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CommandRequest extends CommandOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
}

/** The environment of a command, with secrets as plain text. */
function commandEnvironment(env: CommandOptions['env'] = {}): NodeJS.ProcessEnv {
  const own = Object.entries(env).map(([name, value]) => [
    name,
    value instanceof Secret ? utf8Lossy(value.reveal()) : value,
  ]);
  return { ...process.env, ...Object.fromEntries(own) };
}

/**
 * Writes what a command prints to a file, which is there only once the command has ended well: until then it grows at `partial`.
 * Returns its size. Throws `COMMAND_FAILED`, `TARGET_FULL`.
 */
export async function commandToFile(
  request: CommandRequest,
  { file, partial, signal }: { readonly file: string; readonly partial: string; readonly signal: AbortSignal },
): Promise<number> {
  await makeFolders(path.dirname(file), 0o700);
  const output = createWriteStream(partial, { flags: 'wx', mode: 0o600 });
  try {
    await pipeline(commandOutput(request, signal), output);
    await rename(partial, file);
    return output.bytesWritten;
  } catch (error) {
    // The first error is the one to tell.
    await rm(partial, { force: true }).catch(() => {});
    signal.throwIfAborted();
    throw systemCode(error) === 'ENOSPC' ? full(file, error) : error;
  }
}

/** What a command prints, as text. Throws `COMMAND_FAILED`, and `ARGUMENT_INVALID` where it is more than 1 MiB. */
export async function commandToText(request: CommandRequest, signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of commandOutput(request, signal)) {
    sizeBytes += chunk.length;
    if (sizeBytes > LARGEST_OUTPUT) {
      throw new CairnArgumentError(`${request.command} prints more than a MiB, and no file to put it into was named`, {
        hint: "Name one: `run(command, args, { to: 'dump.sql' })`.",
      });
    }
    chunks.push(chunk);
  }
  return utf8Lossy(Buffer.concat(chunks));
}

/** What a command prints; secrets of its environment are taken out of what it says when it fails. */
export async function* commandOutput(request: CommandRequest, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const { command, args, cwd, input, env } = request;
  try {
    yield* runCommand({ command, args, cwd, input, env: commandEnvironment(env) }, signal);
  } catch (error) {
    throw withoutSecrets(error, env);
  }
}

/** Programs like to repeat what they were given: what they say on standard error is cleared of it. */
function withoutSecrets(error: unknown, env: CommandOptions['env'] = {}): unknown {
  if (!(error instanceof CairnError)) return error;
  const redactor = new Redactor(Object.values(env).filter((value) => value instanceof Secret));
  const cleanList = (value: ErrorFacts[string]): ErrorFacts[string] =>
    Array.isArray(value) ? value.map((line: string) => redactor.knownOnly(line)) : value;
  const { code, hint, retry, facts, cause } = error;
  return new CairnError(code, redactor.knownOnly(error.message), {
    retry,
    facts: Object.fromEntries(Object.entries(facts).map(([key, value]) => [key, cleanList(value)])),
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}

function full(file: string, cause: unknown): CairnError {
  return new CairnError('TARGET_FULL', `no space left for ${path.basename(file)} in the temporary directory`, {
    hint: 'Set TMPDIR to a larger place, or let the command go straight into the backup with `pipe`.',
    cause,
  });
}
