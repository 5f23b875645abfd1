import { bytesKey, compareBytes, utf8Lossy } from '../../base/bytes.ts';
import { CairnError, isCairnError, messageOf } from '../../base/errors.ts';
import type { ErrorCode } from '../../base/error-codes.ts';
import { isHostileName } from '../../formats/tree/node-name.ts';
import type { Node } from '../../formats/tree/node.ts';
import { decodeTree } from '../../formats/tree/tree-decoder.ts';
import type { JobFailure, TreeJob, TreeResult } from '../jobs.ts';
import { RecordWriter } from './record-writer.ts';
import { TreeScanner } from './tree-scan.ts';
import type { WorkerContext } from './worker-context.ts';

/** Reads and decodes the trees of a job into records. A bad tree or entry is told, the others are done. */
export function runTreeJob(context: WorkerContext, job: TreeJob): TreeResult {
  const writer = new RecordWriter(context.index);
  const scanner = new TreeScanner(context.index, writer);
  const spans: number[] = [];
  const failed: JobFailure[] = [];
  const refused: JobFailure[] = [];
  for (const [at, directory] of job.directories.entries()) {
    const start = writer.length;
    try {
      const bytes = treeBytes(context, job, at);
      if (!scanner.scan(bytes)) addNodes(bytes, writer, (name) => refused.push({ at, ...hostileName(name) }));
      spans.push(directory, start, writer.length);
    } catch (error) {
      writer.truncate(start);
      failed.push({ at, code: codeOf(error, 'TREE_CORRUPT'), message: messageOf(error) });
    }
  }
  return { kind: 'tree', records: writer.take(), spans, failed, refused };
}

/** The general way: any tree that some version of some program wrote. */
function addNodes(bytes: Uint8Array, writer: RecordWriter, refuse: (name: Uint8Array) => void): void {
  const nodes = decodeTree(bytes, { hostile: 'keep' });
  refuseDuplicates(nodes);
  for (const node of nodes) {
    if (isHostileName(node.name)) refuse(node.name);
    else writer.add(node);
  }
}

function treeBytes(context: WorkerContext, job: TreeJob, at: number): Uint8Array {
  const known = job.plain?.[at];
  if (known !== undefined) return known;
  const record = job.blobs[at] ?? 0;
  const location = context.index.location(record);
  if (location === undefined || context.localBlobs === undefined) {
    throw new CairnError('BLOB_MISSING', `tree blob ${context.index.blobId(record)} is not stored`);
  }
  const next = (position: number) => context.index.location(job.blobs[at + 1 + position] ?? 0);
  const sealed = context.localBlobs.read(location, (position) =>
    at + 1 + position < job.blobs.length ? next(position) : undefined,
  );
  return context.decoder.decode(sealed, context.index.idBytes(record), location.uncompressedLength);
}

/** Two entries of one name would overwrite each other: such a tree was not made by a backup. */
function refuseDuplicates(nodes: readonly Node[]): void {
  let previous: Uint8Array | undefined;
  let ordered = true;
  for (const { name } of nodes) {
    if (previous !== undefined && compareBytes(previous, name) >= 0) ordered = false;
    previous = name;
  }
  if (ordered) return;
  const names = new Set(nodes.map(({ name }) => bytesKey(name)));
  if (names.size !== nodes.length) throw new CairnError('TREE_CORRUPT', 'two entries have the same name');
}

function hostileName(name: Uint8Array): { readonly code: ErrorCode; readonly message: string } {
  return { code: 'NAME_HOSTILE', message: `the name ${JSON.stringify(utf8Lossy(name))} was not restored` };
}

/** The code of an error, or `otherwise` for one that is not ours. */
export function codeOf(error: unknown, otherwise: ErrorCode): ErrorCode {
  return isCairnError(error) ? error.code : otherwise;
}
