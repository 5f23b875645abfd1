import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { systemCode } from '../../base/errors.ts';

/** Who holds a lock, as a lock file tells it. */
export interface ProcessIdentity {
  readonly hostname: string;
  readonly username: string;
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Equal for those who mean the same process by the same `pid`; `undefined` where the system does not tell. */
  readonly pidSpace?: string | undefined;
  /** Whether a process of this host runs under that id. */
  isAlive(pid: number): boolean;
}

/** The process that runs this code. */
export function ownProcess(): ProcessIdentity {
  return {
    hostname: hostname(),
    username: userName(),
    pid: process.pid,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    pidSpace: pidSpace(),
    isAlive,
  };
}

/**
 * This boot of this machine, and its namespace of processes. The name of a host says neither: machines are cloned, and
 * a container on the network of its host has the host's name and processes of its own.
 */
function pidSpace(): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return undefined;
  }
}

/** The user's name, or an empty text where the system knows none for the user id (some containers). */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}

// Signal 0 only asks. EPERM means that the process exists and belongs to somebody else.
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== 'ESRCH';
  }
}
