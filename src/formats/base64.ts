/** Decodes standard base64 with padding; `undefined` for anything else. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const padding = text.endsWith('==') ? 2 : Number(text.endsWith('='));
  // Not one pattern for all of it: on long text that would exhaust the regular expression's stack.
  if (text.length % 4 !== 0 || /[^A-Za-z0-9+/]/.test(text.slice(0, text.length - padding))) return undefined;
  return Uint8Array.from(Buffer.from(text, 'base64'));
}

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}
