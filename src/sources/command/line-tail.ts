const MAX_LINES = 20;
const MAX_LINE_CHARACTERS = 500;

/** The last lines of a text that comes in pieces; memory stays small however much comes. */
export interface LineTail {
  readonly add: (chunk: Uint8Array) => void;
  /** At most 20 lines that are not blank, each cut at 500 characters. */
  readonly lines: () => string[];
}

export function createLineTail(): LineTail {
  const decoder = new TextDecoder('utf-8');
  const complete: string[] = [];
  let partial = '';
  return {
    add: (chunk) => {
      const lines = (partial + decoder.decode(chunk, { stream: true })).split(/\r?\n|\r/);
      partial = (lines.pop() ?? '').slice(0, MAX_LINE_CHARACTERS);
      for (const line of lines) {
        if (line.trim() !== '') complete.push(line.slice(0, MAX_LINE_CHARACTERS));
      }
      complete.splice(0, complete.length - MAX_LINES);
    },
    lines: () => (partial.trim() === '' ? [...complete] : [...complete, partial]).slice(-MAX_LINES),
  };
}
