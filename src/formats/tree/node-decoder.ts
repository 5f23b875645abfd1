import { utf8 } from '../../base/bytes.ts';
import type { BlobId } from '../../base/ids.ts';
import { isId } from '../../base/ids.ts';
import { decodeBase64 } from '../base64.ts';
import type { JsonObject } from '../go-json.ts';
import { isJsonObject } from '../go-json.ts';
import type { GoTime } from '../go-time.ts';
import type { JsonReader } from '../json-reader.ts';
import { KeyTable } from '../key-table.ts';
import { readName } from './node-name.ts';
import { readNodeTime } from './node-time.ts';
import type { ExtendedAttribute, Node, NodeType } from './node.ts';
import { nodeTypes } from './node.ts';

const keys = [
  'name',
  'type',
  'mode',
  'mtime',
  'atime',
  'ctime',
  'uid',
  'gid',
  'user',
  'group',
  'inode',
  'device_id',
  'size',
  'links',
  'linktarget',
  'linktarget_raw',
  'extended_attributes',
  'generic_attributes',
  'device',
  'content',
  'subtree',
  'error',
] as const;

const keyTable = new KeyTable(keys);
const typesByText: ReadonlyMap<string, NodeType> = new Map(nodeTypes.map((type) => [type, type]));

const U32_MAX = 0xffff_ffff;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Go's zero time, which an absent field reads as. */
const ZERO_TIME: GoTime = { ns: -62_135_596_800_000_000_000n, offsetMinutes: 0 };
const NO_BYTES: Uint8Array = new Uint8Array();
const NO_ATTRIBUTES: readonly ExtendedAttribute[] = [];

/** The fields of any node, before the type says which of them count. */
interface Draft {
  name: Uint8Array;
  type: string;
  mode: number;
  mtime: GoTime;
  atime: GoTime;
  ctime: GoTime;
  uid: number;
  gid: number;
  user: string;
  group: string;
  inode: bigint;
  deviceId: bigint;
  size: bigint;
  links: bigint;
  linkTarget: Uint8Array;
  linkTargetRaw: Uint8Array;
  extendedAttributes: readonly ExtendedAttribute[];
  genericAttributes: JsonObject | undefined;
  device: bigint;
  content: BlobId[] | undefined;
  subtree: BlobId | undefined;
  error: string;
}

/** Decodes the nodes of one tree from a shared cursor. All errors are `FORMAT_INVALID`. */
export class NodeDecoder {
  /** Whether something was read that the decoded nodes do not carry. */
  hasUnknownFields = false;
  readonly #reader: JsonReader;

  constructor(reader: JsonReader) {
    this.#reader = reader;
  }

  next(): Node {
    const reader = this.#reader;
    const draft = emptyDraft();
    reader.expect(OPEN_BRACE);
    let hint = 0;
    let seen = 0;
    if (!reader.accept(CLOSE_BRACE)) {
      do {
        reader.rawString();
        const key = keyTable.find(reader.bytes, reader.stringStart, reader.stringEnd, hint);
        reader.expect(COLON);
        if (key >= 0) {
          // Only the last value of a repeated key is kept.
          if ((seen & (1 << key)) !== 0) this.hasUnknownFields = true;
          seen |= 1 << key;
          hint = key + 1;
        }
        this.#readField(draft, keys[key]);
      } while (reader.accept(COMMA));
      reader.expect(CLOSE_BRACE);
    }
    return this.#finish(draft);
  }

  #readField(draft: Draft, key: (typeof keys)[number] | undefined): void {
    const reader = this.#reader;
    if (key !== undefined && reader.acceptNull()) return;
    switch (key) {
      case 'name':
        reader.rawString();
        draft.name = readName(reader);
        return;
      case 'mtime':
        draft.mtime = this.#time();
        return;
      case 'atime':
        draft.atime = this.#time();
        return;
      case 'ctime':
        draft.ctime = this.#time();
        return;
      case 'mode':
      case 'uid':
      case 'gid':
        draft[key] = reader.unsigned(U32_MAX);
        return;
      case 'type':
      case 'user':
      case 'group':
      case 'error':
        draft[key] = reader.string();
        return;
      case 'device_id':
        draft.deviceId = BigInt(reader.u64());
        return;
      case 'inode':
      case 'size':
      case 'links':
      case 'device':
        draft[key] = BigInt(reader.u64());
        return;
      case 'linktarget':
        draft.linkTarget = utf8(reader.string());
        return;
      case 'linktarget_raw':
        draft.linkTargetRaw = this.#base64();
        return;
      case 'extended_attributes':
        draft.extendedAttributes = this.#attributes();
        return;
      case 'generic_attributes':
        draft.genericAttributes = this.#object();
        return;
      case 'content':
        draft.content = this.#content();
        return;
      case 'subtree':
        draft.subtree = this.#id();
        return;
      default:
        this.hasUnknownFields = true;
        reader.skip();
    }
  }

  #finish(draft: Draft): Node {
    const type = typesByText.get(draft.type);
    if (type === undefined || hasStrayFields(draft)) this.hasUnknownFields = true;
    const fields = {
      name: draft.name,
      mode: draft.mode,
      mtime: draft.mtime,
      atime: draft.atime,
      ctime: draft.ctime,
      uid: draft.uid,
      gid: draft.gid,
      user: draft.user,
      group: draft.group,
      inode: draft.inode,
      deviceId: draft.deviceId,
      links: draft.links,
      extendedAttributes: draft.extendedAttributes,
      ...(draft.genericAttributes === undefined ? undefined : { genericAttributes: draft.genericAttributes }),
      ...(draft.error === '' ? undefined : { error: draft.error }),
    };
    switch (type) {
      case 'file':
        return { ...fields, type, size: draft.size, content: draft.content ?? [] };
      case 'dir':
        return { ...fields, type, subtree: draft.subtree ?? this.#reader.fail('a directory without subtree') };
      case 'symlink':
        return { ...fields, type, linkTarget: draft.linkTargetRaw.length > 0 ? draft.linkTargetRaw : draft.linkTarget };
      case 'dev':
      case 'chardev':
        return { ...fields, type, device: draft.device };
      default:
        return { ...fields, type: type ?? 'irregular' };
    }
  }

  #time(): GoTime {
    this.#reader.rawString();
    return readNodeTime(this.#reader);
  }

  #id(): BlobId {
    const text = this.#reader.string();
    return isId(text) ? (text as BlobId) : this.#reader.fail('not a blob id');
  }

  #content(): BlobId[] {
    const content: BlobId[] = [];
    this.#reader.array(() => content.push(this.#id()));
    return content;
  }

  #object(): JsonObject {
    const value = this.#reader.value();
    return isJsonObject(value) ? value : this.#reader.fail('generic_attributes is not an object');
  }

  #base64(): Uint8Array {
    return decodeBase64(this.#reader.string()) ?? this.#reader.fail('not base64');
  }

  #attributes(): ExtendedAttribute[] {
    const reader = this.#reader;
    const attributes: ExtendedAttribute[] = [];
    reader.array(() => {
      let name: Uint8Array = NO_BYTES;
      let value: Uint8Array | null = null;
      reader.object((key) => {
        if (key === 'name') name = utf8(reader.string());
        else if (key === 'value') value = reader.acceptNull() ? null : this.#base64();
        else {
          this.hasUnknownFields = true;
          reader.skip();
        }
      });
      attributes.push({ name, value });
    });
    return attributes;
  }
}

function emptyDraft(): Draft {
  return {
    name: NO_BYTES,
    type: '',
    mode: 0,
    mtime: ZERO_TIME,
    atime: ZERO_TIME,
    ctime: ZERO_TIME,
    uid: 0,
    gid: 0,
    user: '',
    group: '',
    inode: 0n,
    deviceId: 0n,
    size: 0n,
    links: 0n,
    linkTarget: NO_BYTES,
    linkTargetRaw: NO_BYTES,
    extendedAttributes: NO_ATTRIBUTES,
    genericAttributes: undefined,
    device: 0n,
    content: undefined,
    subtree: undefined,
    error: '',
  };
}

/** Whether the node has a field that belongs to another type and would be lost. */
function hasStrayFields(draft: Draft): boolean {
  const { type } = draft;
  return (
    (type !== 'file' && (draft.size !== 0n || draft.content !== undefined)) ||
    (type !== 'dir' && draft.subtree !== undefined) ||
    (type !== 'symlink' && draft.linkTarget.length + draft.linkTargetRaw.length > 0) ||
    (type !== 'dev' && type !== 'chardev' && draft.device !== 0n)
  );
}
