// Questions on the terminal. Questions go to stderr, because stdout is for data.
import { openSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { ReadStream } from 'node:tty';
import { CairnError } from '../../base/errors.ts';
import { Secret } from '../../base/secret.ts';

/** Where a person can be asked. */
export interface Terminal {
  readonly input: ReadStream;
  /** Closes `input` where it was opened for the questions only. */
  readonly close: () => void;
}

/** The terminal of this process, or `undefined` where nobody can answer. */
export function openTerminal(): Terminal | undefined {
  if (!process.stderr.isTTY) return undefined;
  if (process.stdin.isTTY) return { input: process.stdin, close: () => process.stdin.pause() };
  try {
    // stdin carries data (`backup --stdin`), but there is a terminal to ask on.
    const input = new ReadStream(openSync('/dev/tty', 'r'));
    return { input, close: () => input.destroy() };
  } catch {
    return undefined;
  }
}

/** Asks a question that is answered with yes or no; anything but yes is no. Ctrl-C is `ABORTED`. */
export async function askYesNo(terminal: Terminal, question: string, signal: AbortSignal): Promise<boolean> {
  return /^y(es)?$/i.test((await askForLine(terminal, `${question} [y/N] `, signal)) ?? '');
}

/** Asks for a line of text. Ctrl-C is `ABORTED`, as is the end of the input. */
export async function askLine(terminal: Terminal, question: string, signal: AbortSignal): Promise<string> {
  const answer = await askForLine(terminal, question, signal);
  if (answer === undefined) throw unanswered();
  return answer;
}

/** `undefined` where the input ends. */
async function askForLine(terminal: Terminal, question: string, signal: AbortSignal): Promise<string | undefined> {
  const lines = createInterface({ input: terminal.input, output: process.stderr });
  const ended = Promise.withResolvers<string | undefined>();
  lines.once('SIGINT', () => ended.reject(unanswered()));
  // The promise of `question` stays open for ever when the input ends, as with Ctrl-D.
  lines.once('close', () => ended.resolve(undefined));
  try {
    return (await Promise.race([lines.question(question, { signal }), ended.promise]))?.trim();
  } finally {
    lines.close();
    terminal.close();
  }
}

function unanswered(): CairnError {
  return new CairnError('ABORTED', 'the question was not answered; nothing was changed', {
    hint: 'Run the same command again, and answer.',
  });
}

/** Asks for text without showing it. Ctrl-C is `ABORTED`, as is the end of the input. */
export async function askHidden(terminal: Terminal, question: string, signal: AbortSignal): Promise<string> {
  return new TextDecoder().decode((await askSecret(terminal, question, signal)).reveal());
}

/** Asks for a secret without showing it. Ctrl-C is `ABORTED`, as is the end of the input. */
export async function askSecret(terminal: Terminal, question: string, signal: AbortSignal): Promise<Secret> {
  const { input } = terminal;
  process.stderr.write(question);
  input.setRawMode(true);
  try {
    return new Secret(await readHiddenLine(input, signal));
  } finally {
    input.setRawMode(false);
    process.stderr.write('\n');
    terminal.close();
  }
}

/**
 * Reads bytes up to the end of the line. The password is bytes as typed (restic's rule), so nothing is
 * decoded but the editing keys.
 */
export function readHiddenLine(input: NodeJS.ReadableStream, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const typed: number[] = [];
    const finish = (settle: () => void): void => {
      input.off('data', onData);
      input.off('end', onEnd);
      signal.removeEventListener('abort', onAbort);
      settle();
    };
    const interrupted = (): void =>
      finish(() => reject(new CairnError('ABORTED', 'the question for the password was not answered')));
    const onEnd = interrupted;
    const onAbort = (): void => finish(() => reject(signal.reason));
    const onData = (chunk: Buffer | string): void => {
      for (const byte of Buffer.from(chunk)) {
        const key = editKey(byte, typed);
        if (key === 'enter') return finish(() => resolve(Uint8Array.from(typed)));
        if (key === 'cancel') return interrupted();
      }
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    input.on('data', onData);
    input.on('end', onEnd);
    input.resume();
  });
}

function editKey(byte: number, typed: number[]): 'enter' | 'cancel' | 'edited' {
  if (byte === 0x0a || byte === 0x0d) return 'enter';
  if (byte === 0x03 || (byte === 0x04 && typed.length === 0)) return 'cancel';
  if (byte === 0x7f || byte === 0x08) removeLastCharacter(typed);
  else if (byte === 0x15) typed.length = 0;
  else typed.push(byte);
  return 'edited';
}

/** Backspace takes a whole UTF-8 character: its continuation bytes (10xxxxxx) and its first byte. */
function removeLastCharacter(typed: number[]): void {
  let removed = typed.pop();
  while (removed !== undefined && removed >= 0x80 && removed < 0xc0) removed = typed.pop();
}
