import type { CFunction, CType, Libc } from './libc.ts';

type Signature = readonly [parameters: readonly CType[], result?: CType];

type RequiredCall =
  | 'openat'
  | 'close'
  | 'read'
  | 'statx'
  | 'readlinkat'
  | 'mkdirat'
  | 'symlinkat'
  | 'linkat'
  | 'unlinkat'
  | 'renameat'
  | 'fchownat'
  | 'utimensat'
  | 'futimens'
  | 'llistxattr'
  | 'flistxattr'
  | 'lgetxattr'
  | 'fgetxattr'
  | 'lsetxattr'
  | 'fsetxattr'
  | 'lremovexattr'
  | 'fremovexattr'
  | 'fallocate'
  | 'lseek';

type OptionalCall = 'mknodat' | '__xmknodat' | 'getdents64' | 'getpwuid_r' | 'getgrgid_r';

export type NativeCalls = Readonly<Record<RequiredCall, CFunction> & Record<OptionalCall, CFunction | undefined>>;

const P = 'void *';

/** Every libc function we use, with its parameters and result (default int). */
const signatures: Record<RequiredCall, Signature> = {
  openat: [['int', P, 'int', 'uint32_t']],
  close: [['int']],
  read: [['int', P, 'uint64_t'], 'int64_t'],
  statx: [['int', P, 'int', 'uint32_t', P]],
  readlinkat: [['int', P, P, 'uint64_t'], 'int64_t'],
  mkdirat: [['int', P, 'uint32_t']],
  symlinkat: [[P, 'int', P]],
  linkat: [['int', P, 'int', P, 'int']],
  unlinkat: [['int', P, 'int']],
  renameat: [['int', P, 'int', P]],
  fchownat: [['int', P, 'uint32_t', 'uint32_t', 'int']],
  utimensat: [['int', P, P, 'int']],
  futimens: [['int', P]],
  llistxattr: [[P, P, 'uint64_t'], 'int64_t'],
  flistxattr: [['int', P, 'uint64_t'], 'int64_t'],
  lgetxattr: [[P, P, P, 'uint64_t'], 'int64_t'],
  fgetxattr: [['int', P, P, 'uint64_t'], 'int64_t'],
  lsetxattr: [[P, P, P, 'uint64_t', 'int']],
  fsetxattr: [['int', P, P, 'uint64_t', 'int']],
  lremovexattr: [[P, P]],
  fremovexattr: [['int', P]],
  fallocate: [['int', 'int', 'int64_t', 'int64_t']],
  lseek: [['int', 'int64_t', 'int'], 'int64_t'],
};

/** Functions that some C libraries lack (mknodat: glibc before 2.33; getdents64: before 2.30). */
const optionalSignatures: Record<OptionalCall, Signature> = {
  mknodat: [['int', P, 'uint32_t', 'uint64_t']],
  __xmknodat: [['int', 'int', P, 'uint32_t', P]],
  getdents64: [['int', P, 'uint64_t'], 'int64_t'],
  getpwuid_r: [['uint32_t', P, P, 'uint64_t', P]],
  getgrgid_r: [['uint32_t', P, P, 'uint64_t', P]],
};

/** Binds them all. Throws if one that we cannot do without is missing. */
export function bindNativeCalls(libc: Libc): NativeCalls {
  const calls: Record<string, CFunction | undefined> = {};
  for (const [name, [parameters, result]] of Object.entries<Signature>(signatures)) {
    calls[name] = libc.find(name, parameters, result);
    if (calls[name] === undefined) throw new Error(`libc has no ${name}`);
  }
  for (const [name, [parameters, result]] of Object.entries<Signature>(optionalSignatures)) {
    calls[name] = libc.find(name, parameters, result);
  }
  // SAFETY: the two tables have every name of `NativeCalls`, and what must be there is.
  return calls as NativeCalls;
}
