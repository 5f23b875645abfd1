import type * as Package from 'ssh2';
import { CairnError } from '../../../base/errors.ts';

/** What we use of the package `ssh2`. */
export type Ssh2 = Pick<typeof Package, 'BaseAgent' | 'Client' | 'createAgent' | 'utils'>;

let loaded: Promise<Ssh2> | undefined;

/** Loads `ssh2`, when the first connection is made and not before. */
export function loadSsh2(): Promise<Ssh2> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Ssh2> {
  try {
    // A CommonJS package: its names are properties of the default export.
    return (await import('ssh2')).default;
  } catch (error) {
    throw new CairnError('NOT_SUPPORTED', 'the package ssh2, which SFTP needs, cannot be loaded', {
      hint: 'Install the dependencies again with `npm ci`.',
      cause: error,
    });
  }
}
