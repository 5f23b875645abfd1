import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { CairnError, messageOf } from '../../base/errors.ts';

/** Where the text of a value comes from. */
export interface ValueInput {
  /** The argument; `-` for standard input. */
  readonly argument: string | undefined;
  readonly file: string | undefined;
  /** The input is plain text, not JSON. */
  readonly asText: boolean;
}

/** JSON may be written with blanks, which do not count towards the size of a value. */
const MAX_INPUT_BYTES = 64 * 1024 * 1024;

/** What is to be stored. Throws `USAGE` for what is no JSON, never with the text itself. */
export async function readValueInput(input: ValueInput, stdin: Readable): Promise<unknown> {
  const text = await readText(input, stdin);
  if (input.asText) return text;
  try {
    return JSON.parse(text, refuseRounding);
  } catch (error) {
    if (error instanceof CairnError) throw error;
    throw new CairnError('USAGE', 'the value is no JSON', {
      hint: 'Quote it for the shell, as in \'{"some":"data"}\'; or give --text to store the text itself.',
    });
  }
}

async function readText({ argument, file }: ValueInput, stdin: Readable): Promise<string> {
  if ((argument === undefined) === (file === undefined)) {
    throw new CairnError('USAGE', 'give the value either as an argument or with --file', {
      hint: 'A - reads standard input, which keeps the value out of the list of processes and the history of the shell.',
    });
  }
  if (file !== undefined) return decode(await readAll(openFile(file), file));
  return argument === '-' ? decode(await readAll(stdin, 'standard input')) : (argument ?? '');
}

async function* openFile(path: string): AsyncGenerator<Uint8Array> {
  await using file = await open(path);
  const bytes: AsyncIterable<Uint8Array> = file.readableWebStream();
  yield* bytes;
}

async function readAll(chunks: AsyncIterable<Uint8Array>, what: string): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > MAX_INPUT_BYTES) throw tooMuch(what);
      parts.push(chunk);
    }
  } catch (error) {
    if (error instanceof CairnError) throw error;
    throw new CairnError('SOURCE_UNREADABLE', `cannot read ${what}: ${messageOf(error)}`, { cause: error });
  }
  return Buffer.concat(parts);
}

function tooMuch(what: string): CairnError {
  return new CairnError('VALUE_TOO_LARGE', `${what} has more than ${MAX_INPUT_BYTES} bytes, too many for a value`);
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new CairnError('USAGE', 'the value is no text in UTF-8', {
      hint: 'Values are JSON. Back up other files with `cairn backup`.',
    });
  }
}

/** `JSON.parse` tells a reviver how a number was written, which the compiler's library does not know yet. */
function refuseRounding(_: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  const isInteger = typeof value === 'number' && source !== undefined && /^-?\d+$/.test(source);
  if (!isInteger || BigInt(source) === BigInt(value)) return value;
  throw new CairnError('USAGE', 'the value holds a whole number that JSON programs would round', {
    hint: 'Write it as a string, in quotes: most programs keep 53 bits of a number.',
  });
}
