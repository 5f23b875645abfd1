import { equalBytes } from '../../base/bytes.ts';
import type { JsonValue } from '../../formats/go-json.ts';
import { encodeJson } from '../../formats/go-json.ts';
import type { GoTime } from '../../formats/go-time.ts';
import type { ExtendedAttribute, Node } from '../../formats/tree/node.ts';

/** Whether two files have the same list of data blobs. */
export function sameContent(a: Node, b: Node): boolean {
  if (a.type !== 'file' || b.type !== 'file') return a.type === b.type;
  return a.content.length === b.content.length && a.content.every((id, at) => id === b.content[at]);
}

/** Whether everything but a file's content is equal. Times are compared as instants; subtrees are not compared. */
export function sameMetadata(a: Node, b: Node): boolean {
  return (
    a.type === b.type &&
    equalBytes(a.name, b.name) &&
    a.mode === b.mode &&
    sameTime(a.mtime, b.mtime) &&
    sameTime(a.atime, b.atime) &&
    sameTime(a.ctime, b.ctime) &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.user === b.user &&
    a.group === b.group &&
    a.inode === b.inode &&
    a.deviceId === b.deviceId &&
    a.links === b.links &&
    a.error === b.error &&
    sameSpecifics(a, b) &&
    sameAttributes(a.extendedAttributes, b.extendedAttributes) &&
    sameGeneric(a.genericAttributes, b.genericAttributes)
  );
}

function sameSpecifics(a: Node, b: Node): boolean {
  if (a.type === 'file' && b.type === 'file') return a.size === b.size;
  if (a.type === 'symlink' && b.type === 'symlink') return equalBytes(a.linkTarget, b.linkTarget);
  if ('device' in a && 'device' in b) return a.device === b.device;
  return true;
}

function sameTime(a: GoTime, b: GoTime): boolean {
  return a.ns === b.ns;
}

function sameAttributes(a: readonly ExtendedAttribute[], b: readonly ExtendedAttribute[]): boolean {
  return a.length === b.length && a.every((attribute) => b.some((other) => sameAttribute(attribute, other)));
}

function sameAttribute(a: ExtendedAttribute, b: ExtendedAttribute): boolean {
  return equalBytes(a.name, b.name) && equalBytes(a.value ?? new Uint8Array(), b.value ?? new Uint8Array());
}

function sameGeneric(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return encodeJson(a) === encodeJson(b);
}
