import { hostname, userInfo } from 'node:os';
import { systemCode } from '../../base/errors.ts';

/** Who holds a lock, as a lock file tells it. */
export interface ProcessIdentity {
  readonly hostname: string;
  readonly username: string;
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
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
    isAlive,
  };
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
