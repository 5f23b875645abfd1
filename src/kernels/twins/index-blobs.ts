import { PACK_WORD, RECORD_WORDS } from '../blob-record.ts';

const NUMBER = '(0|[1-9][0-9]*)';
const BLOB = new RegExp(
  `\\{"id":"([0-9a-f]{64})","type":"(data|tree)","offset":${NUMBER},"length":${NUMBER}(?:,"uncompressed_length":${NUMBER})?\\}`,
  'y',
);
const NEXT_PACK = /\]\},\{"id":"([0-9a-f]{64})","blobs":\[/y;
const U32_MAX = 0xffff_ffff;

/** Records, ids of packs, and where it stopped, of `indexBlobs` over `data[start, end)`. */
export function indexBlobs(
  data: Uint8Array,
  start: number,
  end: number,
): { records: Uint32Array; packs: string[]; stop: number } {
  const json = Buffer.from(data.subarray(0, end)).toString('latin1');
  const records: number[] = [];
  const packs: string[] = [];
  const begun: string[] = [];
  let stop = start;
  for (let at = start; ;) {
    const blob = match(BLOB, json, at);
    const numbers = [blob?.[3], blob?.[4], blob?.[5] ?? '0'].map(Number);
    if (blob === undefined || numbers.some((number) => number > U32_MAX)) break;
    const record = new Uint32Array(RECORD_WORDS);
    new Uint8Array(record.buffer).set(Buffer.from(blob[1] ?? '', 'hex'));
    record.set([begun.length + (blob[2] === 'tree' ? 2 ** 31 : 0), ...numbers], PACK_WORD);
    records.push(...record);
    packs.push(...begun.slice(packs.length));
    stop = at + blob[0].length;
    const next = match(NEXT_PACK, json, stop);
    if (next !== undefined) begun.push(next[1] ?? '');
    at = stop + (next?.[0].length ?? 1);
    if (next === undefined && json[stop] !== ',') break;
  }
  return { records: Uint32Array.from(records), packs, stop };
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}
