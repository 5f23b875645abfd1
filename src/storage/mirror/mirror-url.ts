// `mirror:URL,URL,…`: the first is the vault, the others hold the same. A comma in an address is written `\,`.
const SCHEME = 'mirror:';

/** The addresses in a mirror's address, or `undefined` for any other. */
export function mirrorUrls(url: string): readonly string[] | undefined {
  if (url.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return undefined;
  const parts = url.slice(SCHEME.length).match(/(?:\\,|[^,])*/g) ?? [];
  // The pattern also matches the nothing behind each part.
  return parts.filter((part) => part !== '').map((part) => part.replaceAll('\\,', ','));
}

/** One address for several: that of a mirror, or the only one. Mirrors among them are flattened. */
export function joinUrls(urls: readonly string[]): string {
  const flat = urls.flatMap((url) => mirrorUrls(url) ?? [url]);
  const [only] = flat;
  if (flat.length === 1 && only !== undefined) return only;
  return SCHEME + flat.map((url) => url.replaceAll(',', '\\,')).join(',');
}
