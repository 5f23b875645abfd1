// The age program with its passphrase from the environment: on a terminal it takes none from anywhere else.
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { requirePeer } from './peers.ts';

/**
 * An environment in which `age` is the built program and `age -j batchpass` asks for no passphrase. `directory` gets
 * links to the programs.
 */
export function ageEnvironment(directory: string, passphrase = ''): NodeJS.ProcessEnv {
  for (const name of ['age', 'age-plugin-batchpass'] as const) {
    symlinkSync(requirePeer(name).path, join(directory, name));
  }
  return { ...process.env, PATH: `${directory}:${process.env['PATH']}`, AGE_PASSPHRASE: passphrase };
}
