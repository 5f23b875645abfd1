import { FileType, StatField } from '../base/posix/posix.ts';
import type { FileNode, Node } from '../formats/tree/node.ts';
import { field, fileType } from './node-encoder.ts';

export interface ChangeRules {
  readonly ignoreInode: boolean;
  readonly ignoreCtime: boolean;
}

/**
 * Whether a file is what the parent snapshot has, by restic's rule: same type, size, mtime, ctime and
 * inode, the last two of which can be ignored.
 */
export function isUnchanged(node: Node | undefined, stat: BigInt64Array, rules: ChangeRules): node is FileNode {
  return (
    node?.type === 'file' &&
    fileType(stat) === FileType.regular &&
    node.size === field(stat, StatField.sizeBytes) &&
    node.mtime.ns === field(stat, StatField.mtimeNs) &&
    (rules.ignoreCtime || node.ctime.ns === field(stat, StatField.ctimeNs)) &&
    (rules.ignoreInode || node.inode === BigInt.asUintN(64, field(stat, StatField.inode)))
  );
}

const steadyFields = [StatField.inode, StatField.device, StatField.sizeBytes, StatField.mtimeNs, StatField.ctimeNs];

/** Whether a file was the same before and after it was read. */
export function isSteady(before: BigInt64Array, after: BigInt64Array): boolean {
  return steadyFields.every((at) => before[at] === after[at]);
}

const CONTENT_START = new TextEncoder().encode(',"content":[');
const CONTENT_END = new TextEncoder().encode(']}');
const HEX_ID_SIZE = 64;
const QUOTE = 0x22;
const COMMA = 0x2c;

/**
 * The blob ids of a file node whose JSON goes on after `head` with its content and nothing else, as the
 * hex digits' offsets in `json`; `undefined` if `json` does not start with `head` or ends otherwise.
 */
export function contentAfterHead(json: Uint8Array, head: Uint8Array): number[] | undefined {
  if (!startsWith(json, 0, head) || !startsWith(json, head.length, CONTENT_START)) return undefined;
  const offsets: number[] = [];
  const end = json.length - CONTENT_END.length;
  let at = head.length + CONTENT_START.length;
  while (at < end) {
    if (json[at] !== QUOTE || json[at + HEX_ID_SIZE + 1] !== QUOTE) return undefined;
    offsets.push(at + 1);
    at += HEX_ID_SIZE + 2;
    if (at < end && json[at++] !== COMMA) return undefined;
  }
  return at === end && startsWith(json, end, CONTENT_END) ? offsets : undefined;
}

function startsWith(bytes: Uint8Array, at: number, prefix: Uint8Array): boolean {
  if (at + prefix.length > bytes.length) return false;
  for (let i = 0; i < prefix.length; i++) if (bytes[at + i] !== prefix[i]) return false;
  return true;
}

/** Reads 64 hex digits at `offset` into `id`. */
export function readHexId(json: Uint8Array, offset: number, id: Uint8Array): void {
  for (let i = 0; i < id.length; i++) {
    id[i] = (hexDigit(json[offset + 2 * i] ?? 0) << 4) | hexDigit(json[offset + 2 * i + 1] ?? 0);
  }
}

function hexDigit(code: number): number {
  return code <= 0x39 ? code - 0x30 : code - 0x57;
}
