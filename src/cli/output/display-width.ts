// How many terminal cells a text takes: East Asian wide characters and emoji take two, combining
// marks none (Unicode TR 11). Close enough for aligning columns and cutting a status line.

let segmenter: Intl.Segmenter | undefined;
const ZERO_WIDTH = /^[\p{Mark}\p{Cf}]+$/u;
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u;
// One cell each, and nothing before them joins them: ASCII, Latin letters, and the dashes and dots we write.
const PLAIN = /^[\u0020-\u007e\u00b7\u00c0-\u024f\u2013\u2014\u2026]*$/;

/** Terminal cells of `text`, which must not hold control characters. */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemesOf(text)) width += cellsOf(segment);
  return width;
}

/** `text` cut in the middle to at most `cells` cells, with `…` where something was left out. */
export function shortenMiddle(text: string, cells: number): string {
  if (displayWidth(text) <= cells) return text;
  if (cells <= 1) return cells === 1 ? '…' : '';
  const parts = [...graphemesOf(text)].map((part) => part.segment);
  const tailCells = Math.ceil((cells - 1) / 2);
  const tail = takeCells(parts.toReversed(), tailCells).toReversed().join('');
  return `${takeCells(parts, cells - 1 - displayWidth(tail)).join('')}…${tail}`;
}

function takeCells(parts: readonly string[], cells: number): string[] {
  const taken: string[] = [];
  let width = 0;
  for (const part of parts) {
    width += cellsOf(part);
    if (width > cells) break;
    taken.push(part);
  }
  return taken;
}

function cellsOf(grapheme: string): number {
  if (ZERO_WIDTH.test(grapheme)) return 0;
  return WIDE.test(grapheme) ? 2 : 1;
}

// Made when needed: it takes 15 ms, and most texts are plain.
function graphemesOf(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return segmenter.segment(text);
}
