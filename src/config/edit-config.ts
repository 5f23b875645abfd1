// Changes of a configuration file by a program: other keys and comments stay as they are, and the file is only ever
// replaced whole.
import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { makeFolders } from '../base/make-folders.ts';
import { type Document, isMap, parseDocument } from 'yaml';
import { systemCode } from '../base/errors.ts';
import { writeFileDurably } from '../storage/drivers/durable-write.ts';
import { FolderSync } from '../storage/drivers/local-folders.ts';
import { parseConfigDocument } from './config-document.ts';
import type { ConfigPath } from './config-issue.ts';

/** A value to set; it replaces what is there. */
export interface ConfigEdit {
  readonly path: ConfigPath;
  readonly value: unknown;
}

const HEAD = ' Backups by cairn. `cairn config validate` checks this file, `cairn config show` says what it means.';

/** The text with the edits in it. Throws `CONFIG_INVALID` where `text` is no YAML. */
export function editConfigText(file: string, text: string, edits: readonly ConfigEdit[]): string {
  parseConfigDocument(file, text);
  const document: Document = parseDocument(text, { keepSourceTokens: true });
  // A document that was parsed is declared to hold parsed nodes only; one that is changed may hold any.
  if (!isMap(document.contents)) document.contents = document.createNode({}) as never;
  if (text.trim() === '') document.commentBefore = HEAD;
  for (const { path, value } of edits) {
    openMaps(document, path);
    document.setIn(path, document.createNode(value));
  }
  // A line is never folded: a folded command or URL is hard to read and to search for.
  return document.toString({ lineWidth: 0 });
}

/** A key whose value is empty (`vaults:`) becomes a map where something is put below it. */
function openMaps(document: Document, path: ConfigPath): void {
  for (let length = 1; length < path.length; length++) {
    const above = path.slice(0, length);
    if (document.hasIn(above) && document.getIn(above) === null) document.setIn(above, document.createNode({}));
  }
}

/** The text of a file, or nothing where there is none. */
export async function readConfigText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return '';
    throw error;
  }
}

/** Replaces the file at once, readable by its owner only; a symbolic link stays and what it names is replaced. */
export async function writeConfigFile(file: string, text: string, signal?: AbortSignal): Promise<void> {
  const path = await realpath(file).catch(() => file);
  const folder = dirname(path);
  await makeFolders(folder, 0o700);
  await writeFileDurably({
    path,
    name: basename(path),
    parts: [Buffer.from(text)],
    mode: 0o600,
    ifAbsent: false,
    durable: true,
    syncFolder: () => new FolderSync().sync(folder),
    signal,
  });
}
