import { readFileSync } from 'node:fs';

/** The version of this package. Both `src/vault` and `dist/vault` lie two folders below package.json. */
export function programVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) return String(manifest.version);
  return 'unknown';
}
