import { joinUrls, mirrorUrls } from './mirror/mirror-url.ts';

// Users forget to escape what has a meaning in URLs, so a password goes on to the last `@`. What has only digits before its
// path is a port.
const PASSWORD = /(:\/\/[^/?#@:\s]*:)(?!\d*(?:[/?#]|$))\S*@/g;

/** An address, or that of a mirror, as it may be shown and logged: with `[redacted]` for its password. */
export function withoutPassword(url: string): string {
  const redacted = (mirrorUrls(url) ?? [url]).map((one) => one.replaceAll(PASSWORD, '$1[redacted]@'));
  return redacted.length === 1 ? redacted.join('') : joinUrls(redacted);
}
