// File modes: trees hold Go's `FileMode` bits, the system calls `st_mode` (restic's format, "Trees and
// Data"; POSIX <sys/stat.h>). Permission bits are the same in both. All results are unsigned.

const PERMISSIONS = 0o777;
const STAT_TYPE = 0o170000;

const GO_IRREGULAR = 2 ** 19;
const GO_TYPE = 2 ** 31 + 2 ** 27 + 2 ** 26 + 2 ** 25 + 2 ** 24 + 2 ** 21 + GO_IRREGULAR;

const types: readonly (readonly [stat: number, go: number])[] = [
  [0o100000, 0], // regular file
  [0o040000, 2 ** 31], // directory
  [0o120000, 2 ** 27], // symbolic link
  [0o060000, 2 ** 26], // block device
  [0o020000, 2 ** 26 + 2 ** 21], // character device
  [0o010000, 2 ** 25], // FIFO
  [0o140000, 2 ** 24], // socket
];

const flags: readonly (readonly [stat: number, go: number])[] = [
  [0o4000, 2 ** 23], // setuid
  [0o2000, 2 ** 22], // setgid
  [0o1000, 2 ** 20], // sticky
];

export function goModeFromStat(stMode: number): number {
  const type = types.find(([stat]) => stat === (stMode & STAT_TYPE))?.[1] ?? GO_IRREGULAR;
  let mode = type + (stMode & PERMISSIONS);
  for (const [stat, go] of flags) if ((stMode & stat) !== 0) mode += go;
  return mode;
}

/** Bits that `st_mode` does not have are dropped; an unknown type gives type bits 0. */
export function statModeFromGo(mode: number): number {
  const type = (mode & GO_TYPE) >>> 0;
  let stMode = (types.find(([, go]) => go === type)?.[0] ?? 0) | (mode & PERMISSIONS);
  for (const [stat, go] of flags) if ((mode & go) !== 0) stMode |= stat;
  return stMode;
}
