/** `bytes 0-9/100` or `bytes 0-9/*` (RFC 9110 §14.4), with the end behind the last byte. */
export function parseContentRange(
  value: string | undefined,
): { readonly start: number; readonly end: number; readonly total: number | undefined } | undefined {
  const match = /^bytes (\d+)-(\d+)\/(?:(\d+)|\*)$/u.exec(value ?? '');
  if (match === null) return undefined;
  const total = match[3] === undefined ? undefined : Number(match[3]);
  return { start: Number(match[1]), end: Number(match[2]) + 1, total };
}
