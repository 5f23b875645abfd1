import type { Secret } from '../base/secret.ts';

/**
 * Where a secret of the configuration comes from. It is looked up when it is needed, never while the file is read;
 * one that stands in the file itself is held as a `Secret`, so that no print of the configuration shows it.
 */
export type SecretReference =
  | { readonly kind: 'text'; readonly value: Secret }
  /** Text with `${NAME}` in it. */
  | { readonly kind: 'environment'; readonly template: string }
  | { readonly kind: 'file'; readonly path: string }
  /** Run with `sh -c`; what it prints is the secret. */
  | { readonly kind: 'command'; readonly command: string };

const kinds: ReadonlySet<unknown> = new Set<SecretReference['kind']>(['text', 'environment', 'file', 'command']);

/** Tells a reference from the other objects of a configuration, none of which has a `kind`. */
export function isSecretReference(value: unknown): value is SecretReference {
  return typeof value === 'object' && value !== null && 'kind' in value && kinds.has(value.kind);
}
