import { setFlagsFromString } from 'node:v8';

/**
 * V8 sizes its heaps for speed, and lets garbage pile up to several times what is in use, in each thread.
 * This program's speed is in its buffers and native calls: small heaps cost it nothing and save a quarter of
 * its memory (measured on a backup of 60,000 files: 357 MB became 268 MB at the same CPU time).
 */
export function keepHeapsSmall(): void {
  setFlagsFromString('--optimize-for-size');
  setFlagsFromString('--max-semi-space-size=1');
  setFlagsFromString('--semi-space-growth-factor=1');
}
