import type { Config } from './config.ts';
import type { ConfigPath } from './config-issue.ts';
import { isSecretReference, type SecretReference } from './secret-reference.ts';

/** Every secret that a configuration refers to, with its key. Options of plugins are the plugins' affair. */
export function configSecrets({
  vaults,
  notifications,
}: Config): { readonly path: ConfigPath; readonly reference: SecretReference }[] {
  const found: { path: ConfigPath; reference: SecretReference }[] = [];
  const walk = (value: unknown, path: ConfigPath): void => {
    if (isSecretReference(value)) found.push({ path, reference: value });
    else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) walk(inner, [...path, key]);
    }
  };
  walk({ vaults, notifications }, []);
  return found;
}
