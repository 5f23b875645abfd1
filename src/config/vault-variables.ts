import type { LoadedConfig } from './loaded-config.ts';
import type { VaultConfig } from './vault-config.ts';

/** A vault of a configuration, by its name. */
export interface NamedVault {
  readonly name: string;
  readonly vault: VaultConfig;
  readonly loaded: LoadedConfig;
}

/** The variables that a vault has for its storage, looked up; `undefined` where it has none. */
export async function vaultVariables(
  { name, vault, loaded }: NamedVault,
  signal?: AbortSignal,
): Promise<NodeJS.ProcessEnv | undefined> {
  const entries = Object.entries(vault.env);
  if (entries.length === 0) return undefined;
  const variables: NodeJS.ProcessEnv = {};
  // One after the other: a program that gives a secret may ask for something on the terminal.
  for (const [variable, reference] of entries) {
    const secret = await loaded.secret(reference, ['vaults', name, 'env', variable], signal);
    variables[variable] = new TextDecoder().decode(secret.reveal());
  }
  return variables;
}
