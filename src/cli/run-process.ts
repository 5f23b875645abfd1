import { endBegunWorkers } from '../base/start-worker.ts';
import { CairnError, messageOf, systemCode } from '../base/errors.ts';
import { exitCodeOfError } from './exit-codes.ts';
import { reportError, run } from './run.ts';
import { Interrupts } from './signals.ts';

// The shell's number for "ended by SIGPIPE": what a Unix program says whose reader went away.
const BROKEN_PIPE_EXIT = 141;

/** Why stdout takes no more. */
type BrokenOutput = { readonly kind: 'reader-gone' } | { readonly kind: 'failed'; readonly error: CairnError };

/** Runs the command line of this process and ends it with the right exit code. */
export async function runProcess(): Promise<void> {
  const interrupts = new Interrupts();
  let broken: BrokenOutput | undefined;
  process.stdout.on('error', (error) => {
    if (broken !== undefined) return;
    // `cairn list | head -1` is no failure of ours; what still runs for that reader is stopped, quietly.
    broken = systemCode(error) === 'EPIPE' ? { kind: 'reader-gone' } : { kind: 'failed', error: outputFailed(error) };
    interrupts.abort(broken.kind === 'failed' ? broken.error : error);
  });
  // With stderr gone there is nobody to tell; the work itself goes on.
  process.stderr.on('error', () => {});
  const argv = process.argv.slice(2);
  const { exit, aborted } = await run(argv, interrupts, () => broken?.kind === 'reader-gone');
  await flushed(process.stdout);
  await endBegunWorkers();
  process.exit(exitOf(broken, exit, aborted, argv));
}

function exitOf(broken: BrokenOutput | undefined, exit: number, aborted: boolean, argv: readonly string[]): number {
  if (broken?.kind === 'reader-gone') return aborted ? BROKEN_PIPE_EXIT : exit;
  // What was printed last may fail when the command itself is over already.
  if (broken?.kind !== 'failed' || exit !== 0) return exit;
  reportError(broken.error, argv, {});
  return exitCodeOfError(broken.error);
}

function outputFailed(cause: Error): CairnError {
  const isFull = systemCode(cause) === 'ENOSPC' || systemCode(cause) === 'EDQUOT';
  return new CairnError(
    isFull ? 'TARGET_FULL' : 'RESTORE_FAILED',
    `the output could not be written, so it is not complete: ${messageOf(cause)}`,
    { hint: 'Make room, or write it to another place.', cause },
  );
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableLength === 0) resolve();
    else stream.write('', () => resolve());
  });
}
