import { describeRemote } from './drivers/rclone/rclone-remote.ts';
import { joinUrls, mirrorUrls } from './mirror/mirror-url.ts';

/** What stands between `://` and the last `@`; digits up to the path are a port, and what follows is no password. */
const URL_PASSWORD = /(:\/\/[^/?#@:\s]*:)(?!\d+(?:[/?#]|$)).*@/gu;
/** `sftp:USER:PASSWORD@HOST:PATH`, which the driver refuses. A path may begin behind the colon as well. */
const SFTP_PASSWORD = /^(sftp:[^/:@]+:)[^/].*@(?=[^/@]*:)/iu;

/**
 * The address of a storage as it may be shown: without the passwords that users put into it, however malformed it is. What
 * drivers say of themselves (`Storage.url`) has none; this is for addresses that no driver has parsed yet.
 */
export function shownUrl(url: string): string {
  const members = mirrorUrls(url);
  if (members === undefined) return withoutSecrets(url);
  const shown = members.map(withoutSecrets);
  return shown.every((member, at) => member === members[at]) ? url : joinUrls(shown);
}

function withoutSecrets(url: string): string {
  const rclone = /^rclone:/iu.exec(url)?.[0];
  if (rclone !== undefined) return rclone + describeRemote(url.slice(rclone.length));
  return url.replaceAll(URL_PASSWORD, '$1[redacted]@').replace(SFTP_PASSWORD, '$1[redacted]@');
}
