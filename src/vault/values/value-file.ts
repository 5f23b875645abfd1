// A value as a file: `<key>.json`.
import { createHash, randomInt } from 'node:crypto';
import { open, readFile, rename, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { makeFolders } from '../../base/make-folders.ts';
import { equalBytes } from '../../base/bytes.ts';
import { CairnError, messageOf, systemCode } from '../../base/errors.ts';
import type { OverwriteMode } from '../../restorer/restore-options.ts';
import { encodeValueKey, type ValueKey } from '../../values/value-key.ts';

/** Bytes that a file name may have, less what a temporary name adds. */
const LONGEST_NAME = 240;
const ENDING = '.json';

/** The key itself where it can be a file name; else as its folder in the storage is named, cut where it is too long. */
export function valueFileName(key: ValueKey): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  const isName = !/[/\\\u0000-\u001f\u007f]/.test(key) && Buffer.byteLength(key) + ENDING.length <= LONGEST_NAME;
  if (isName) return key + ENDING;
  const folder = encodeValueKey(key).replaceAll('%/', '');
  if (folder.length + ENDING.length <= LONGEST_NAME) return folder + ENDING;
  const hash = createHash('sha256').update(key).digest('hex').slice(0, 16);
  return `${folder.slice(0, 200)}~${hash}${ENDING}`;
}

/** Applies `overwrite` to one file. */
export async function isToBeWritten(
  file: string,
  content: Uint8Array,
  { overwrite, time }: { readonly overwrite: OverwriteMode; readonly time: Date },
): Promise<boolean> {
  const status = await stat(file).catch(() => undefined);
  if (status === undefined) return true;
  switch (overwrite) {
    case 'never':
      return false;
    case 'if-newer':
      return status.mtime < time;
    case 'always':
    case 'if-changed':
      return !status.isFile() || !equalBytes(await readFile(file), content);
    default:
      return overwrite satisfies never;
  }
}

/** Whole or not at all, for its owner only, dated as the version. Throws `TARGET_FULL`, `TARGET_INVALID`. */
export async function writeValueFile(file: string, content: Uint8Array, time: Date): Promise<void> {
  const temporary = `${file}-tmp-${randomInt(2 ** 32)}`;
  try {
    await makeFolders(path.dirname(file), 0o777);
    await using handle = await open(temporary, 'wx', 0o600);
    await handle.writeFile(content);
    await handle.utimes(time, time);
    await handle.sync();
    await rename(temporary, file);
  } catch (cause) {
    await unlink(temporary).catch(() => {});
    const isFull = ['ENOSPC', 'EDQUOT'].includes(systemCode(cause) ?? '');
    throw new CairnError(isFull ? 'TARGET_FULL' : 'TARGET_INVALID', `cannot write ${file}: ${messageOf(cause)}`, {
      cause,
      facts: { target: file },
    });
  }
}
