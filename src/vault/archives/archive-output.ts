import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CairnError, messageOf, systemCode } from '../../base/errors.ts';

/** Where an exported archive goes: a file, which gets its name when it is whole, or whoever takes the bytes. */
export type ArchiveOutput = string | ((chunks: AsyncIterable<Uint8Array>) => Promise<void>);

/** Throws `TARGET_EXISTS` for a file that is there, unless it may be replaced; `TARGET_FULL`, `TARGET_INVALID`. */
export async function writeOutput(
  output: ArchiveOutput,
  chunks: AsyncIterable<Uint8Array>,
  { replace, signal }: { readonly replace: boolean; readonly signal: AbortSignal },
): Promise<void> {
  if (typeof output !== 'string') return output(chunks);
  const file = resolve(output);
  if (!replace && (await exists(file))) {
    throw new CairnError('TARGET_EXISTS', `${output} exists; nothing was written`, {
      hint: 'Choose another name, or give --force.',
      facts: { target: output },
    });
  }
  const temporary = join(dirname(file), `.${basename(file)}.${randomBytes(4).toString('hex')}.part`);
  try {
    await pipeline(Readable.from(chunks), createWriteStream(temporary, { flags: 'wx', mode: 0o600, flush: true }), {
      signal,
    });
    await rename(temporary, file);
    await syncFolder(dirname(file));
  } catch (error) {
    await rm(temporary, { force: true });
    throw outputError(output, error);
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await using _ = await open(file);
    return true;
  } catch (error) {
    return systemCode(error) !== 'ENOENT';
  }
}

async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder);
  await handle.sync();
}

function outputError(output: string, error: unknown): unknown {
  const code = systemCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new CairnError('TARGET_FULL', `no space left for ${output}`, { cause: error, facts: { target: output } });
  }
  if (code === undefined) return error;
  return new CairnError('TARGET_INVALID', `cannot write ${output}: ${messageOf(error)}`, { cause: error });
}
