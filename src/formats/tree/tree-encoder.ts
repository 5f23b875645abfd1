// Trees in canonical form: compact JSON, nodes strictly ascending by the raw bytes of their names, fixed
// field order, newline at the end (restic's format, "Trees and Data"). Equal directories must give equal
// bytes, because a tree's id is the hash of them.
import { isUtf8 } from 'node:buffer';
import { compareBytes, utf8 } from '../../base/bytes.ts';
import { CairnError } from '../../base/errors.ts';
import type { BlobId } from '../../base/ids.ts';
import { encodeBase64 } from '../base64.ts';
import { encodeObject, quoteJsonBytes, quoteJsonString } from '../go-json.ts';
import { quoteName } from '../go-quote.ts';
import { formatGoTime } from '../go-time.ts';
import type { ExtendedAttribute, Node } from './node.ts';

const PREFIX = utf8('{"nodes":[');
const SUFFIX = utf8(']}\n');
const COMMA = 0x2c;

/** The JSON of one node, to be put into a tree by `assembleTree`. */
export function encodeNode(node: Node): Uint8Array {
  const size = node.type === 'file' ? node.size : 0n;
  const device = node.type === 'dev' || node.type === 'chardev' ? node.device : 0n;
  const parts = [
    `{"name":${quoteJsonString(quoteName(node.name))},"type":"${node.type}"`,
    unlessZero('mode', node.mode),
    `,"mtime":"${formatGoTime(node.mtime)}","atime":"${formatGoTime(node.atime)}","ctime":"${formatGoTime(node.ctime)}"`,
    `,"uid":${node.uid},"gid":${node.gid}`,
    unlessEmpty('user', node.user),
    unlessEmpty('group', node.group),
    unlessZero('inode', node.inode),
    unlessZero('device_id', node.deviceId),
    unlessZero('size', size),
    unlessZero('links', node.links),
    node.type === 'symlink' ? encodeLinkTarget(node.linkTarget) : '',
    encodeExtendedAttributes(node.extendedAttributes),
    encodeGenericAttributes(node),
    unlessZero('device', device),
    `,"content":${node.type === 'file' ? encodeContent(node.content) : 'null'}`,
    node.type === 'dir' ? `,"subtree":"${node.subtree}"` : '',
    unlessEmpty('error', node.error ?? ''),
    '}',
  ];
  return utf8(parts.join(''));
}

/** Throws `TREE_CORRUPT` unless the names are strictly ascending. */
export function encodeTree(nodes: readonly Node[]): Uint8Array {
  let previous: Uint8Array | undefined;
  for (const node of nodes) {
    if (previous !== undefined && compareBytes(previous, node.name) >= 0) {
      const names = `${quoteName(previous)} before ${quoteName(node.name)}`;
      throw new CairnError('TREE_CORRUPT', `the entries of a directory are not in strict order: ${names}`);
    }
    previous = node.name;
  }
  return assembleTree(nodes.map(encodeNode));
}

/** Joins the JSON of nodes into a tree. The caller gives them in strictly ascending order of their names. */
export function assembleTree(fragments: readonly Uint8Array[]): Uint8Array {
  let size = PREFIX.length + SUFFIX.length + Math.max(0, fragments.length - 1);
  for (const fragment of fragments) size += fragment.length;
  const out = new Uint8Array(size);
  out.set(PREFIX);
  let at = PREFIX.length;
  for (const fragment of fragments) {
    if (at > PREFIX.length) out[at++] = COMMA;
    out.set(fragment, at);
    at += fragment.length;
  }
  out.set(SUFFIX, at);
  return out;
}

/** `,"linktarget":…`, and `,"linktarget_raw":…` if the target is not UTF-8 (restic 0.16 and newer). */
export function encodeLinkTarget(target: Uint8Array): string {
  if (target.length === 0) return '';
  const raw = isUtf8(target) ? '' : `,"linktarget_raw":"${encodeBase64(target)}"`;
  return `,"linktarget":${quoteJsonBytes(target)}${raw}`;
}

export function encodeExtendedAttributes(attributes: readonly ExtendedAttribute[]): string {
  if (attributes.length === 0) return '';
  const items = attributes.map(({ name, value }) => {
    const text = value === null ? 'null' : `"${encodeBase64(value)}"`;
    return `{"name":${quoteJsonBytes(name)},"value":${text}}`;
  });
  return `,"extended_attributes":[${items.join(',')}]`;
}

function encodeGenericAttributes(node: Node): string {
  const members = Object.entries(node.genericAttributes ?? {});
  if (members.length === 0) return '';
  // Go sorts the keys of a map by their bytes.
  members.sort(([a], [b]) => compareBytes(utf8(a), utf8(b)));
  return `,"generic_attributes":${encodeObject(members)}`;
}

function encodeContent(content: readonly BlobId[]): string {
  return content.length === 0 ? '[]' : `["${content.join('","')}"]`;
}

function unlessZero(key: string, value: number | bigint): string {
  return Number(value) === 0 ? '' : `,"${key}":${value}`;
}

function unlessEmpty(key: string, value: string): string {
  return value === '' ? '' : `,"${key}":${quoteJsonString(value)}`;
}
