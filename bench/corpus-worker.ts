// Writes the files of a corpus: one worker thread, one share of the files.
import { closeSync, futimesSync, openSync, writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { fillContent, type ContentKind } from './content.ts';
import { Random } from './random.ts';

/** One thing to write. Seconds since the epoch for `modifiedAt`. */
export type CorpusTask =
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly sizeBytes: number;
      readonly content: ContentKind;
      readonly seed: string;
      readonly modifiedAt: number;
      readonly edit: FileEdit | undefined;
    }
  /** A stretch of a file that exists with its full size. */
  | {
      readonly kind: 'stretch';
      readonly path: string;
      readonly offset: number;
      readonly sizeBytes: number;
      readonly content: 'image' | 'random';
      readonly seed: string;
    };

/** What the second version of a file has different: new bytes put in the place of `removedBytes` old ones. */
export interface FileEdit {
  readonly at: number;
  readonly removedBytes: number;
  readonly insertedBytes: number;
}

let buffer = new Uint8Array(1 << 20);

function room(sizeBytes: number): Uint8Array {
  if (buffer.length < sizeBytes) buffer = new Uint8Array(sizeBytes);
  return buffer.subarray(0, sizeBytes);
}

function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(file, bytes, done, bytes.length - done, position + done);
  }
}

function writeFile(task: CorpusTask & { kind: 'file' }): void {
  const bytes = room(task.sizeBytes);
  fillContent(task.content, task.seed, bytes);
  const file = openSync(task.path, 'w');
  try {
    if (task.edit === undefined) writeAll(file, bytes, 0);
    else writeEdited(file, bytes, task.edit, task);
    futimesSync(file, task.modifiedAt, task.modifiedAt);
  } finally {
    closeSync(file);
  }
}

function writeEdited(
  file: number,
  bytes: Uint8Array,
  edit: FileEdit,
  { content, seed }: CorpusTask & { kind: 'file' },
): void {
  const inserted = new Uint8Array(edit.insertedBytes);
  fillContent(content, `${seed}/edit`, inserted);
  writeAll(file, bytes.subarray(0, edit.at), 0);
  writeAll(file, inserted, edit.at);
  writeAll(file, bytes.subarray(edit.at + edit.removedBytes), edit.at + inserted.length);
}

/** A stretch of a disk image or database file: extents of pages, of data compressed already, and of zeros. */
function fillImage(seed: string, target: Uint8Array): void {
  const random = new Random(seed);
  for (let at = 0; at < target.length;) {
    const extent = target.subarray(at, at + Math.min(target.length - at, 65_536 * (1 + random.below(32))));
    const dice = random.below(100);
    const kind: ContentKind = dice < 30 ? 'pages' : dice < 45 ? 'program' : dice < 80 ? 'random' : 'zeros';
    fillContent(kind, `${seed}/${at}`, extent);
    at += extent.length;
  }
}

function writeStretch(task: CorpusTask & { kind: 'stretch' }): void {
  const bytes = room(task.sizeBytes);
  if (task.content === 'image') fillImage(task.seed, bytes);
  else fillContent(task.content, task.seed, bytes);
  const file = openSync(task.path, 'r+');
  try {
    writeAll(file, bytes, task.offset);
  } finally {
    closeSync(file);
  }
}

for (const task of workerData as readonly CorpusTask[]) {
  if (task.kind === 'file') writeFile(task);
  else writeStretch(task);
}
parentPort?.close();
