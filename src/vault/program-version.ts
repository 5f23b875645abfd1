import { readFileSync } from 'node:fs';
import { packageFile } from '../base/package-files.ts';

/** The version of this package. */
export function programVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(packageFile('../package.json'), 'utf8'));
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) return String(manifest.version);
  return 'unknown';
}
