// Functions of this very process, called without a copy. The Node binary carries OpenSSL and zstd
// and exports their public symbols; koffi reaches them through dlopen(NULL). Measured on one core
// against node:crypto and node:zlib: AES-CTR 7.7 instead of 2.5 GB/s, Poly1305 9 GB/s (Node has
// none), zstd of 4 KiB in 15 instead of 38 µs, sealing of a small blob in 1 instead of 15 µs.
import { loadKoffi } from '../base/posix/koffi.ts';

/** A C function; pointers are given as typed arrays, opaque handles as what another call returned. */
export type NativeFunction = (...args: readonly unknown[]) => unknown;

export interface NativeLibrary {
  /** Binds a C prototype such as `int close(int)`. Throws if this process has no such symbol. */
  bind(prototype: string): NativeFunction;
  /** Where these bytes lie, for structures that hold pointers. Good as long as the bytes are in use. */
  addressOf(this: void, bytes: Uint8Array): number;
}

let opened: NativeLibrary | undefined | 'unavailable';

/** The library of this process, or `undefined` where koffi does not load. Everything works without it, at the speed of the portable codec. */
export function openNativeLibrary(): NativeLibrary | undefined {
  opened ??= load() ?? 'unavailable';
  return opened === 'unavailable' ? undefined : opened;
}

function load(): NativeLibrary | undefined {
  try {
    const koffi = loadKoffi();
    const process = koffi.load(null);
    return {
      // SAFETY: koffi makes a function of the prototype that it is given; no type tells its arguments.
      bind: (prototype) => process.func(prototype) as NativeFunction,
      // User space ends below 2^53.
      addressOf: (bytes) => Number(koffi.address(bytes)),
    };
  } catch {
    return undefined;
  }
}
