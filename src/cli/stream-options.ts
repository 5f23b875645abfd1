// A stream in the place of files: the options that `backup` and `archive` share.
import { basename } from 'node:path';
import type { Command } from 'commander';
import { CairnError } from '../base/errors.ts';
import type { BackupSource } from '../vault/actions/backup-source.ts';

export interface StreamFlags {
  readonly stdin: boolean;
  readonly stdinFromCommand: boolean;
  readonly stdinFilename?: string;
  /** Of an archive. */
  readonly stdinSize?: number;
}

export function addStreamOptions(command: Command): Command {
  return command
    .optionsGroup('A stream:')
    .option('--stdin', 'save what comes on stdin as one file', false)
    .option('--stdin-from-command', 'save what a program prints; nothing is saved if it fails', false)
    .option('--stdin-filename <name>', 'the name of that file (default: stdin, or the name of the program)');
}

/** The stream that is meant; `undefined` where it is files. Throws `USAGE`, which names the command. */
export function streamSource(
  commandName: string,
  paths: readonly string[],
  { stdin, stdinFromCommand, stdinFilename, stdinSize }: StreamFlags,
): BackupSource | undefined {
  const usage = (message: string): CairnError =>
    new CairnError('USAGE', message, { hint: `See \`cairn help ${commandName}\`.` });
  const [program, ...args] = paths;
  const size = stdinSize === undefined ? {} : { sizeBytes: stdinSize };
  if (stdin && stdinFromCommand) throw usage('--stdin and --stdin-from-command exclude each other');
  if (stdinFromCommand) {
    if (program === undefined)
      throw usage(`--stdin-from-command needs a program: cairn ${commandName} --stdin-from-command -- PROGRAM ARGS`);
    const filename = stdinFilename ?? basename(program);
    return { type: 'command', command: program, args, filename, onStderr: passOn, ...size };
  }
  if (stdin) {
    if (program !== undefined) throw usage('--stdin saves one stream, so no paths can be given with it');
    return { type: 'stream', name: stdinFilename ?? 'stdin', open: () => process.stdin, ...size };
  }
  if (stdinFilename !== undefined) throw usage('--stdin-filename needs --stdin or --stdin-from-command');
  if (stdinSize !== undefined) throw usage('--stdin-size needs --stdin or --stdin-from-command');
  return undefined;
}

/** What the program has to say is for the user. */
function passOn(chunk: Uint8Array): void {
  process.stderr.write(chunk);
}
