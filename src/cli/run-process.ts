import { systemCode } from '../base/errors.ts';
import { run } from './run.ts';
import { Interrupts } from './signals.ts';

// The shell's number for "ended by SIGPIPE": what a Unix program says whose reader went away.
const BROKEN_PIPE_EXIT = 141;

/** Runs the command line of this process and ends it with the right exit code. */
export async function runProcess(): Promise<void> {
  const interrupts = new Interrupts();
  let pipeBroken = false;
  process.stdout.on('error', (error) => {
    if (systemCode(error) !== 'EPIPE') throw error;
    // `cairn list | head -1` is no failure of ours; what still runs for that reader is stopped, quietly.
    pipeBroken = true;
    interrupts.abort(error);
  });
  // With stderr gone there is nobody to tell; the work itself goes on.
  process.stderr.on('error', () => {});
  const { exit, aborted } = await run(process.argv.slice(2), interrupts, () => pipeBroken);
  await flushed(process.stdout);
  await flushed(process.stderr);
  process.exit(pipeBroken && aborted ? BROKEN_PIPE_EXIT : exit);
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableLength === 0) resolve();
    else stream.write('', () => resolve());
  });
}
