import { isCairnError, type KnownError, messageOf } from '../../base/errors.ts';
import { defaultHints } from '../default-hints.ts';
import { exitCodeOfError } from '../exit-codes.ts';
import { printable } from './printable.ts';
import type { Style } from './style.ts';

/** An error as `--json` prints it on stderr; documented in docs/json.md. */
export interface ErrorDocument {
  readonly schema: 1;
  readonly error: {
    readonly code: string;
    readonly message: string;
    /** What it came from, the nearest first; only what the message does not say already. */
    readonly causes: readonly string[];
    readonly hint: string | null;
    readonly exit: number;
  };
}

export function errorDocument(error: unknown): ErrorDocument {
  const known = isCairnError(error);
  return {
    schema: 1,
    error: {
      code: known ? error.code : 'INTERNAL',
      message: messageOf(error),
      causes: causesOf(error),
      hint: known ? hintOf(error) : null,
      exit: exitCodeOfError(error),
    },
  };
}

export interface ErrorStyle {
  readonly style: Style;
  readonly verbose: number;
}

/** An error for a person: what is wrong with its causes, the way out, and the code to look up. */
export function describeError(error: unknown, { style, verbose }: ErrorStyle): string {
  const lines = [`${style('red', 'error:')} ${printable(messageOf(error))}`];
  for (const cause of causesOf(error)) lines.push(`       because: ${printable(cause)}`);
  if (isCairnError(error)) {
    lines.push(`${style('cyan', 'hint:')}  ${printable(hintOf(error))}`);
    if (verbose > 0) lines.push(style('dim', `code:  ${error.code} (docs/errors.md)`));
  }
  const unexpected = !isCairnError(error);
  if (unexpected)
    lines.push(`${style('cyan', 'hint:')}  this is a bug in cairn, or an error of the system that it does not know`);
  if (error instanceof Error && error.stack !== undefined && (unexpected || verbose > 1)) {
    lines.push(style('dim', error.stack));
  }
  return `${lines.join('\n')}\n`;
}

function hintOf(error: KnownError): string {
  return error.hint ?? defaultHints[error.code];
}

/** The texts of the causes that say something the message does not say already. */
function causesOf(error: unknown): string[] {
  const texts: string[] = [];
  let said = messageOf(error);
  let current: unknown = error instanceof Error ? error.cause : undefined;
  for (let depth = 0; depth < 4 && current instanceof Error; depth++) {
    if (!said.includes(current.message) && current.name !== 'AbortError') texts.push(current.message);
    said += current.message;
    current = current.cause;
  }
  return texts;
}
