// Names and queries in URLs, one form for each, so that they can be signed and compared.

/** A key as a path: all but RFC 3986's unreserved characters and the slashes is percent-encoded. */
export function encodePath(key: string): string {
  return key.split('/').map(encodeComponent).join('/');
}

/** A query in canonical form: names and values encoded, sorted, each with a `=`. */
export function encodeQuery(query: Readonly<Record<string, string>>): string {
  return sortedQuery(Object.entries(query));
}

/** The same, also of names that come more than once. */
export function sortedQuery(entries: readonly (readonly [string, string])[]): string {
  const encoded = entries.map(([name, value]) => `${encodeComponent(name)}=${encodeComponent(value)}`);
  // Of encoded text the order of characters is the order of bytes.
  return encoded.toSorted((a, b) => (a < b ? -1 : 1)).join('&');
}

/** All but RFC 3986's unreserved characters percent-encoded, the slash included. */
export function encodeComponent(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/gu,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
