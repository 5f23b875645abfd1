import { statSync } from 'node:fs';
import { shownUrl } from '../storage/shown-url.ts';
import type { Config } from './config.ts';
import { configError, type ConfigIssue, type ConfigPath, type ConfigPosition } from './config-issue.ts';
import { configSecrets } from './config-secrets.ts';
import type { SecretReference } from './secret-reference.ts';
import { holdsPlainText } from './variables.ts';

/** Whether the address of a storage holds a password: `rest:https://user:password@host/`. */
function hasPassword(url: string): boolean {
  return shownUrl(url) !== url;
}

/** Places where the configuration holds a secret itself, not a reference to one. */
function plainSecrets(config: Config): ConfigPath[] {
  const texts = configSecrets(config).filter(({ reference }) => isPlain(reference));
  const urls = Object.entries(config.vaults).filter(([, { urls: all }]) => all.some(hasPassword));
  return [...texts.map(({ path }) => path), ...urls.map(([name]) => ['vaults', name, 'url'])];
}

function isPlain(reference: SecretReference): boolean {
  return reference.kind === 'text' || (reference.kind === 'environment' && holdsPlainText(reference.template));
}

/**
 * Refuses a file with secrets in it that others can read. One without secrets may be read by all, as files of a project
 * are; it is worth a warning where all can change it. Returns the warning. Throws `CONFIG_INVALID`.
 */
export function checkPermissions(
  file: string,
  config: Config,
  positionOf: (path: ConfigPath) => ConfigPosition | undefined,
): string | undefined {
  if (process.platform === 'win32') return undefined;
  const mode = statSync(file).mode & 0o777;
  if ((mode & 0o077) === 0) return undefined;
  const issues = plainSecrets(config).map((path): ConfigIssue => ({
    path,
    message: describeExposed(mode),
    position: positionOf(path),
  }));
  if (issues.length > 0) {
    throw configError(
      file,
      issues,
      `Run: chmod 600 ${file}. Or keep the secret elsewhere and name it: '\${NAME}', { file: PATH } or { command: COMMAND }.`,
    );
  }
  if ((mode & 0o002) === 0) return undefined;
  return `${file} can be changed by every user of this machine, and a configuration can run commands; run: chmod o-w ${file}`;
}

function describeExposed(mode: number): string {
  const readers = (mode & 0o007) === 0 ? 'the group of the file' : 'every user of this machine';
  return `is a secret in plain text, in a file that is open to ${readers} (mode ${mode.toString(8).padStart(4, '0')})`;
}
