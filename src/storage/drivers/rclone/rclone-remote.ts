import { CairnError } from '../../../base/errors.ts';

/** Checks that there is a remote; rclone itself knows whether it exists. Throws `STORAGE_URL_INVALID`. */
export function parseRcloneRemote(rest: string): string {
  // Without a colon rclone would take it for a folder of this machine.
  if (/^:?[^/:]+.*:/.test(rest) && !rest.includes('\0')) return rest;
  throw new CairnError('STORAGE_URL_INVALID', 'the rclone: URL names no remote', {
    hint: 'Write rclone:REMOTE:PATH, where `rclone listremotes` shows REMOTE:.',
  });
}

/** Values of a connection string (`:s3,secret_access_key=…:bucket`). */
export function secretsOfRemote(remote: string): readonly string[] {
  return Array.from(remote.matchAll(/,\w+=("[^"]*"|'[^']*'|[^,:]*)/g), ([, value = '']) =>
    value.replace(/^(["'])(.*)\1$/, '$2'),
  ).filter((value) => value.length > 3);
}

/** A remote for people: values of a connection string may be keys. */
export function describeRemote(remote: string): string {
  return remote.replaceAll(/(,\w+=)("[^"]*"|'[^']*'|[^,:]*)/g, '$1…');
}
