import { utf8Lossy } from '../../base/bytes.ts';
import type { Secret } from '../../base/secret.ts';

/** A secret, or how to get it; a function is called only when something is to be delivered. */
export type SecretSource = Secret | string | (() => Promise<Secret>);

/** Reads a secret as text, and sees to it that no message carries it. */
export type ReadSecret = (source: SecretSource) => Promise<string>;

export async function readSecretText(source: SecretSource): Promise<string> {
  const value = typeof source === 'function' ? await source() : source;
  // A secret from a file or a command usually ends with a line break that is not part of it.
  return typeof value === 'string' ? value : utf8Lossy(value.reveal()).replace(/[\r\n]+$/u, '');
}
