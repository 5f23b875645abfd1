// Changes to a snapshot document that leave everything else as it is, byte for byte: another program may have put
// fields into it that only that program understands, and numbers that we would round.
import { asBuffer, concatBytes, utf8 } from '../../base/bytes.ts';
import { CairnError, isCairnError, messageOf } from '../../base/errors.ts';
import { encodeJson, type JsonValue, quoteJsonString } from '../go-json.ts';
import { JsonReader } from '../json-reader.ts';

/** The fields in restic's order: where a new one goes. */
const snapshotFields = [
  'time',
  'parent',
  'tree',
  'paths',
  'hostname',
  'username',
  'uid',
  'gid',
  'excludes',
  'tags',
  'original',
  'program_version',
  'summary',
] as const;

type SnapshotField = (typeof snapshotFields)[number];

const summaryTotals = ['total_files_processed', 'total_bytes_processed'] as const;

/** New values; `undefined` removes a field. What is absent stays. */
export type SnapshotEdits = { readonly [F in Exclude<SnapshotField, 'summary'>]?: JsonValue | undefined } & {
  /** New totals of a summary, which is changed only where there is one. */
  readonly totals?: { readonly files: number; readonly bytes: number };
};

/**
 * The same document with other values. Throws `SNAPSHOT_CORRUPT` for what is no document, and `REWRITE_REFUSED` for one
 * whose meaning is not the same to every reader: a field that comes twice, or that differs from a known one in case only.
 */
export function editSnapshot(json: Uint8Array, edits: SnapshotEdits): Uint8Array {
  const members = readMembers(json);
  const { totals, ...fields } = edits;
  for (const [field, value] of Object.entries(fields)) {
    setMember(members, field, value === undefined ? undefined : utf8(encodeJson(value)), snapshotFields);
  }
  const summary = members.find(({ key }) => key === 'summary');
  if (totals !== undefined && summary !== undefined && summary.value[0] === OPEN_BRACE) {
    summary.value = editTotals(summary.value, totals);
  }
  return joinMembers(members);
}

const OPEN_BRACE = 0x7b;

interface Member {
  readonly key: string;
  /** JSON text. */
  value: Uint8Array;
}

function editTotals(summary: Uint8Array, { files, bytes }: NonNullable<SnapshotEdits['totals']>): Uint8Array {
  const members = readMembers(summary);
  [files, bytes].forEach((count, at) => {
    setMember(members, summaryTotals[at] ?? '', utf8(String(count)), summaryTotals);
  });
  return joinMembers(members);
}

function readMembers(json: Uint8Array): Member[] {
  const members: Member[] = [];
  try {
    const reader = new JsonReader(json);
    reader.object((key) => {
      reader.peek();
      const start = reader.at;
      reader.skip();
      members.push({ key, value: json.subarray(start, reader.at) });
    });
    reader.end();
  } catch (error) {
    if (!isCairnError(error)) throw error;
    throw new CairnError('SNAPSHOT_CORRUPT', `the snapshot is damaged: ${messageOf(error)}`, { cause: error });
  }
  refuseAmbiguous(members);
  return members;
}

/** Go's decoder ignores the case of keys and takes the last of equal ones; other readers do not. */
function refuseAmbiguous(members: readonly Member[]): void {
  const known: readonly string[] = [...snapshotFields, ...summaryTotals];
  const seen = new Set<string>();
  for (const { key } of members) {
    const folded = key.toLowerCase();
    if (seen.has(key) || (folded !== key && known.includes(folded))) {
      throw new CairnError(
        'REWRITE_REFUSED',
        `the snapshot has a field ${JSON.stringify(key)} that readers take differently`,
        {
          hint: 'The program that wrote it can change it; here it stays as it is.',
          facts: { field: key },
        },
      );
    }
    seen.add(key);
  }
}

function setMember(members: Member[], key: string, value: Uint8Array | undefined, order: readonly string[]): void {
  const at = members.findIndex((member) => member.key === key);
  if (at >= 0) {
    if (value === undefined) members.splice(at, 1);
    else members[at] = { key, value };
    return;
  }
  if (value === undefined) return;
  const rank = order.indexOf(key);
  const next = members.findIndex((member) => order.indexOf(member.key) > rank);
  members.splice(next < 0 ? members.length : next, 0, { key, value });
}

function joinMembers(members: readonly Member[]): Uint8Array {
  const parts = members.flatMap(({ key, value }, at) => [
    utf8(`${at === 0 ? '' : ','}${quoteJsonString(key)}:`),
    asBuffer(value),
  ]);
  return concatBytes([utf8('{'), ...parts, utf8('}')]);
}
