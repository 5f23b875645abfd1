const MAX_LINES = 1000;
const MAX_LINE_CHARACTERS = 2000;

type Stream = 'stdout' | 'stderr';

/** Tells of the lines of two streams as they come. Only the first thousand, and no more of a line than fits a screen. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #partial = { stdout: '', stderr: '' };
  readonly #decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  #count = 0;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  add(stream: Stream, chunk: Uint8Array): void {
    const lines = (this.#partial[stream] + this.#decoders[stream].decode(chunk, { stream: true })).split(/\r?\n/);
    this.#partial[stream] = (lines.pop() ?? '').slice(0, MAX_LINE_CHARACTERS);
    for (const line of lines) this.#tell(line);
  }

  /** A last line may have no end of its own. */
  end(): void {
    this.#tell(this.#partial.stdout);
    this.#tell(this.#partial.stderr);
  }

  #tell(line: string): void {
    if (line.trim() === '') return;
    this.#count++;
    if (this.#count <= MAX_LINES) this.#onLine(line.slice(0, MAX_LINE_CHARACTERS));
    if (this.#count === MAX_LINES + 1) this.#onLine('… (more was printed)');
  }
}
