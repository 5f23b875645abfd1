import { type ChildProcess, spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import { CairnError } from '../../../base/errors.ts';

/** A running `ProxyCommand`: its standard input and output are the connection. */
export interface ProxyProcess {
  readonly stream: Duplex;
  /** The last it said on standard error, for the message of a failed connection. */
  complaint(): string;
  end(): void;
}

const KEPT_COMPLAINT = 500;

/** Starts the command of `ProxyCommand`, with the shell, as OpenSSH does; it comes from the user's own ssh_config. */
export function startProxyCommand(command: string): ProxyProcess {
  if (process.platform === 'win32') {
    throw new CairnError('NOT_SUPPORTED', 'ProxyCommand is not supported on Windows', {
      hint: 'Use ProxyJump in the SSH configuration.',
    });
  }
  const child = spawn('/bin/sh', ['-c', `exec ${command}`], { stdio: ['pipe', 'pipe', 'pipe'] });
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

function endChild(child: ChildProcess): void {
  child.stdin?.destroy();
  if (child.exitCode === null && child.signalCode === null) child.kill();
}
