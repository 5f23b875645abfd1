import type { BackupEntry } from '../../vault/look/backup-entry.ts';
import { printable } from './printable.ts';

const typeLetters: Readonly<Record<BackupEntry['type'], string>> = {
  file: '-',
  dir: 'd',
  symlink: 'l',
  dev: 'b',
  chardev: 'c',
  fifo: 'p',
  socket: 's',
  irregular: '?',
};

const SETUID = 0o4000;
const SETGID = 0o2000;
const STICKY = 0o1000;

/** `drwxr-xr-x`, as `ls -l` shows it. */
export function modeText({ type, mode }: Pick<BackupEntry, 'type' | 'mode'>): string {
  const triple = (shift: number, special: boolean, [set, unset]: readonly [string, string]): string => {
    const bits = (mode >> shift) & 7;
    const executable = (bits & 1) !== 0;
    const last = special ? (executable ? set : unset) : executable ? 'x' : '-';
    return `${(bits & 4) === 0 ? '-' : 'r'}${(bits & 2) === 0 ? '-' : 'w'}${last}`;
  };
  return (
    typeLetters[type] +
    triple(6, (mode & SETUID) !== 0, ['s', 'S']) +
    triple(3, (mode & SETGID) !== 0, ['s', 'S']) +
    triple(0, (mode & STICKY) !== 0, ['t', 'T'])
  );
}

/** One line of a long listing: mode, owner, size in bytes, time, path. */
export function longEntryLine(entry: BackupEntry): string {
  const time = entry.mtime.slice(0, 19).replace('T', ' ');
  const size = String(entry.size).padStart(11);
  return `${modeText(entry)} ${owner(entry.user, entry.uid)} ${owner(entry.group, entry.gid)} ${size} ${time} ${pathOf(entry)}`;
}

/** The path, with what a link points to. */
function pathOf(entry: BackupEntry): string {
  const target = entry.linkTarget === undefined ? '' : ` -> ${printable(entry.linkTarget)}`;
  return `${printable(entry.path)}${target}`;
}

function owner(name: string, id: number): string {
  return (name === '' ? String(id) : printable(name)).padEnd(8);
}
