import { loadKoffi } from './koffi.ts';

/** A number, or memory that the call reads or fills. Typed arrays are passed in place, without a copy. */
export type CArgument = number | bigint | NodeJS.ArrayBufferView;
export type CFunction = (...args: CArgument[]) => number;

/** The C library of this process, through the dependency `koffi`; where that does not load, `portable-posix.ts` is used. */
export interface Libc {
  /** Binds a function, or returns `undefined` if this libc does not have it. */
  readonly find: (name: string, parameters: readonly CType[], result?: CType) => CFunction | undefined;
  /** errno of the call just made. */
  readonly errno: () => number;
  /** The C string at an address. */
  readonly stringAt: (address: bigint) => string;
}

export type CType = 'int' | 'int64_t' | 'uint32_t' | 'uint64_t' | 'void *';

// Structures are read as 64-bit ones below, in the byte order of the machine.
const supportedArchitectures: ReadonlySet<string> = new Set(['x64', 'arm64', 'ppc64', 's390x', 'riscv64', 'loong64']);

/** Throws the reason if koffi cannot be used here. */
export function loadLibc(): Libc {
  if (process.platform !== 'linux') throw new Error(`no native calls on ${process.platform}`);
  if (!supportedArchitectures.has(process.arch)) throw new Error(`no native calls on ${process.arch}`);
  const koffi = loadKoffi();
  const library = koffi.load(null);
  return {
    find: (name, parameters, result = 'int') => {
      try {
        // SAFETY: koffi makes a function of the signature that it is given; no type tells its arguments.
        return library.func(name, result, [...parameters]) as CFunction;
      } catch {
        return undefined;
      }
    },
    errno: () => koffi.errno(),
    stringAt: (address) => koffi.decode.string(address),
  };
}
