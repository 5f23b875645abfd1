import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { CairnError } from '../../../base/errors.ts';
import { withoutSecretVariables } from '../../../base/secret-variables.ts';

/** A running `ProxyCommand`: its standard input and output are the connection. */
export interface ProxyProcess {
  readonly stream: Duplex;
  /** The last it said on standard error, for the message of a failed connection; all of it once it was ended. */
  complaint(): string;
  end(): Promise<void>;
}

const KEPT_COMPLAINT = 500;
/** What it started may hold its standard error open for ever. */
const END_WAIT_MS = 1000;

/** Starts the command of `ProxyCommand`, with the shell, as OpenSSH does, and without secrets of ours; it comes from the user's own ssh_config. */
export function startProxyCommand(command: string, env: Readonly<NodeJS.ProcessEnv>): ProxyProcess {
  if (process.platform === 'win32') {
    throw new CairnError('NOT_SUPPORTED', 'ProxyCommand is not supported on Windows', {
      hint: 'Use ProxyJump in the SSH configuration.',
    });
  }
  const child = spawn('/bin/sh', ['-c', `exec ${command}`], {
    env: withoutSecretVariables(env),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-KEPT_COMPLAINT);
  });
  // A command that cannot be started ends its streams too; what it said tells why.
  child.on('error', (error) => {
    complaint ||= error.message;
  });
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
  return { stream, complaint: () => complaint.trim(), end: () => endChild(child) };
}

/** Waits for what it says at its end: a connection fails with the end of its output, which may come before its words. */
async function endChild(child: ChildProcess): Promise<void> {
  const closed = child.stderr?.closed === true ? undefined : once(child, 'close').catch(() => {});
  child.stdin?.destroy();
  if (child.exitCode === null && child.signalCode === null) child.kill();
  await Promise.race([closed, setTimeout(END_WAIT_MS, undefined, { ref: false })]);
}
