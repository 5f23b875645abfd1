const CUT_MARK = '…';

/**
 * `text`, or as much of its beginning as `limit` allows, ended by `…`. `cost` says what a character takes: its
 * length by default, its bytes where a service counts those, what an escape makes of it. Never cuts through a character,
 * and prefers the end of a line where one is near.
 */
export function cutText(
  text: string,
  limit: number,
  cost: (character: string) => number = (character) => character.length,
): string {
  const room = limit - cost(CUT_MARK);
  let used = 0;
  let fits = 0;
  let at = 0;
  for (const character of text) {
    used += cost(character);
    at += character.length;
    if (used <= room) fits = at;
    if (used > limit) return `${atLineEnd(text.slice(0, fits))}${CUT_MARK}`;
  }
  return text;
}

/** Without the beginning of a line that is cut, where that costs little. */
function atLineEnd(text: string): string {
  const end = text.lastIndexOf('\n');
  return end > text.length * 0.75 ? text.slice(0, end + 1) : text;
}

export function utf8Cost(character: string): number {
  return Buffer.byteLength(character, 'utf8');
}
