// Content of generated files. What matters for a backup tool is how well data compresses and what the
// compressor finds in it: words that repeat by Zipf's law, lines made of the same identifiers, records
// that differ in a few bytes, machine code with short repeats and noisy operands, and data that is
// compressed already.
import { fillRandom, Random, zipfTable } from './random.ts';

export type ContentKind = 'text' | 'source' | 'log' | 'table' | 'program' | 'pages' | 'random' | 'zeros';

/** Fills `target` with bytes of this kind; the same seed and length give the same bytes. */
export function fillContent(kind: ContentKind, seed: string, target: Uint8Array): void {
  switch (kind) {
    case 'text':
      return fillText(new Random(seed), target);
    case 'source':
      return fillSource(new Random(seed), target);
    case 'log':
      return fillLog(new Random(seed), target);
    case 'table':
      return fillTable(new Random(seed), target);
    case 'program':
      return fillProgram(seed, target);
    case 'pages':
      return fillPages(new Random(seed), target);
    case 'random':
      return fillRandom(seed, target);
    case 'zeros':
      target.fill(0);
      return undefined;
    default:
      return kind satisfies never;
  }
}

/** Many short byte strings in one buffer. */
class Vocabulary {
  readonly bytes: Uint8Array;
  readonly starts: Uint32Array;

  constructor(items: readonly Uint8Array[]) {
    this.starts = new Uint32Array(items.length + 1);
    this.bytes = new Uint8Array(items.reduce((sum, item) => sum + item.length, 0));
    let at = 0;
    for (const [index, item] of items.entries()) {
      this.starts[index] = at;
      this.bytes.set(item, at);
      at += item.length;
    }
    this.starts[items.length] = at;
  }

  get size(): number {
    return this.starts.length - 1;
  }

  /** Copies an item to `target[at]`; returns the offset after it, never more than the target's length. */
  put(index: number, target: Uint8Array, at: number): number {
    const { bytes, starts } = this;
    const end = starts[index + 1]!;
    let to = at;
    for (let from = starts[index]!; from < end && to < target.length; from++) target[to++] = bytes[from]!;
    return to;
  }
}

const encoder = new TextEncoder();

/** The words that all corpora share, the frequent ones short. */
export const words: readonly string[] = makeWords();

function makeWords(): string[] {
  const random = new Random('words');
  const onsets = [
    'b',
    'c',
    'd',
    'f',
    'g',
    'h',
    'l',
    'm',
    'n',
    'p',
    'r',
    's',
    't',
    'v',
    'w',
    'st',
    'tr',
    'pl',
    'ch',
    '',
  ];
  const vowels = ['a', 'e', 'i', 'o', 'u', 'ea', 'io', 'ou'];
  const codas = ['', '', '', 'n', 'r', 's', 't', 'l', 'nd', 'ng', 'ct'];
  const made = new Set<string>();
  while (made.size < 12_000) {
    const syllables = 1 + random.below(made.size < 200 ? 2 : 4);
    let word = '';
    for (let i = 0; i < syllables; i++) word += random.pick(onsets) + random.pick(vowels) + random.pick(codas);
    made.add(word);
  }
  return [...made];
}

const wordVocabulary = new Vocabulary(words.map((word) => encoder.encode(word)));
const wordRanks = zipfTable(words.length, 1.05);

/** Copies an earlier stretch of the output again: what a compressor calls a match. */
function repeatEarlier(random: Random, target: Uint8Array, at: number, shortest: number, longest: number): number {
  const reach = Math.min(at, 1 << 16);
  const from = at - 1 - random.below(reach);
  const length = Math.min(shortest + random.below(longest - shortest), target.length - at);
  for (let i = 0; i < length; i++) target[at + i] = target[from + i]!;
  return at + length;
}

const SPACE = 0x20;
const NEWLINE = 0x0a;
const FULL_STOP = 0x2e;

function fillText(random: Random, target: Uint8Array): void {
  let at = 0;
  let column = 0;
  while (at < target.length) {
    if (at > 400 && random.chance(0.12)) at = repeatEarlier(random, target, at, 12, 50);
    const before = at;
    at = wordVocabulary.put(wordRanks[random.next() & 0xffff]!, target, at);
    column += at - before + 1;
    if (random.chance(0.08)) target[at++] = FULL_STOP;
    target[at++] = column > 90 ? NEWLINE : SPACE;
    if (column > 90) column = 0;
  }
}

const LINE_SHAPES: readonly string[] = [
  '  const # = #(#, #);',
  '  if (#.# === undefined) return #;',
  '    #.#(# + 1, #);',
  '  return #.#(#);',
  '}',
  '',
  'export function #(#: number, #: string): # {',
  "import { #, # } from './#/#.ts';",
  '    for (const # of #) #.push(#);',
  '  // # # # # # # #',
  '    this.# = new #(#, { #: true });',
  '  } catch (#) {',
  "    throw new Error('# # # ' + #);",
];

function fillSource(random: Random, target: Uint8Array): void {
  // A file uses few names, and uses them again and again.
  const names = new Vocabulary(
    Array.from({ length: 90 }, () => encoder.encode(random.pick(words) + capitalised(random.pick(words)))),
  );
  const ranks = zipfTable(names.size, 0.8);
  const shapes = LINE_SHAPES.map((line) => line.split('#').map((part) => encoder.encode(part)));
  let at = 0;
  while (at < target.length) {
    if (at > 2000 && random.chance(0.03)) at = repeatEarlier(random, target, at, 60, 500);
    for (const [index, part] of random.pick(shapes).entries()) {
      if (index > 0) {
        at = random.chance(0.72)
          ? names.put(ranks[random.next() & 0xffff]!, target, at)
          : wordVocabulary.put(wordRanks[random.next() & 0xffff]!, target, at);
      }
      at = put(part, target, at);
    }
    target[at++] = NEWLINE;
  }
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function put(bytes: Uint8Array, target: Uint8Array, at: number): number {
  let to = at;
  for (let i = 0; i < bytes.length && to < target.length; i++) target[to++] = bytes[i]!;
  return to;
}

const DIGITS = encoder.encode('0123456789abcdef');

/** Writes `count` hexadecimal or decimal digits of `value`, the last digit last. */
function putDigits(value: number, count: number, base: 10 | 16, target: Uint8Array, at: number): number {
  let rest = value;
  for (let i = count - 1; i >= 0; i--) {
    if (at + i < target.length) target[at + i] = DIGITS[rest % base]!;
    rest = Math.floor(rest / base);
  }
  return Math.min(at + count, target.length);
}

const LEVELS = ['"level":"info"', '"level":"info"', '"level":"info"', '"level":"warn"', '"level":"error"'].map((text) =>
  encoder.encode(text),
);
const LOG_PARTS = ['{"time":17', ',', ',"request":"', '","path":"/api/', '/', '","ms":', ',"message":"', '"}\n'].map(
  (text) => encoder.encode(text),
);

function fillLog(random: Random, target: Uint8Array): void {
  let time = random.below(90_000_000) * 10;
  let at = 0;
  while (at < target.length) {
    time += random.below(40);
    at = putDigits(time, 11, 10, target, put(LOG_PARTS[0]!, target, at));
    at = put(random.pick(LEVELS), target, put(LOG_PARTS[1]!, target, at));
    at = putDigits(random.next(), 8, 16, target, put(LOG_PARTS[2]!, target, at));
    at = wordVocabulary.put(random.below(40), target, put(LOG_PARTS[3]!, target, at));
    at = putDigits(random.below(9000), 4, 10, target, put(LOG_PARTS[4]!, target, at));
    at = putDigits(random.below(300), 3, 10, target, put(LOG_PARTS[5]!, target, at));
    at = put(LOG_PARTS[6]!, target, at);
    const length = 3 + random.below(5);
    for (let i = 0; i < length; i++) {
      at = wordVocabulary.put(wordRanks[random.next() & 0xffff]! % 700, target, at);
      if (at < target.length) target[at++] = SPACE;
    }
    at = put(LOG_PARTS[7]!, target, at);
  }
}

const COMMA = 0x2c;

/** Comma-separated rows of counters, codes and measurements. */
function fillTable(random: Random, target: Uint8Array): void {
  let row = random.below(1_000_000);
  let at = 0;
  const measure = 1000 + random.below(100_000);
  while (at < target.length) {
    at = putDigits(row++, 7, 10, target, at);
    for (let column = 0; column < 4; column++) {
      if (at < target.length) target[at++] = COMMA;
      at = putDigits(measure + random.below(1000), 6, 10, target, at);
    }
    if (at < target.length) target[at++] = COMMA;
    at = wordVocabulary.put(random.below(60), target, at);
    if (at < target.length) target[at++] = NEWLINE;
  }
}

/** Instructions: one to six bytes each, few of them very frequent, followed by an operand that is mostly small. */
const instructions = makeInstructions();
const instructionRanks = zipfTable(instructions.size, 0.9);

function makeInstructions(): Vocabulary {
  const random = new Random('instructions');
  return new Vocabulary(
    Array.from({ length: 1500 }, () => Uint8Array.from({ length: 1 + random.below(6) }, () => random.next() & 0xff)),
  );
}

/** Like an executable or a library: stretches of code, tables of records, names, compressed resources and padding. */
function fillProgram(seed: string, target: Uint8Array): void {
  const random = new Random(seed);
  let at = 0;
  while (at < target.length) {
    const stretch = target.subarray(at, at + Math.min(target.length - at, 2048 + random.below(1 << 16)));
    const dice = random.below(100);
    if (dice < 58) fillCode(random, stretch);
    else if (dice < 80) fillRecords(random, stretch);
    else if (dice < 90) fillNames(random, stretch);
    else if (dice < 96) fillRandom(`${seed}/${at}`, stretch);
    else stretch.fill(0);
    at += stretch.length;
  }
}

function fillCode(random: Random, target: Uint8Array): void {
  let at = 0;
  while (at < target.length) {
    if (at > 200 && random.chance(0.13)) at = repeatEarlier(random, target, at, 5, 28);
    const bits = random.next();
    at = instructions.put(instructionRanks[bits & 0xffff]!, target, at);
    const operand = bits >>> 16;
    if ((operand & 3) === 0 && at < target.length) target[at++] = (operand >>> 2) & 0xff;
    if ((operand & 31) === 4 && at + 3 < target.length) {
      target[at++] = (operand >>> 5) & 0xff;
      target[at++] = (operand >>> 11) & 0x1f;
      target[at++] = 0;
      target[at++] = 0;
    }
  }
}

/** Relocations and symbols: records of 24 bytes with growing offsets and small fields. */
function fillRecords(random: Random, target: Uint8Array): void {
  const view = new DataView(target.buffer, target.byteOffset, target.length);
  let offset = random.next() >>> 8;
  let at = 0;
  for (; at + 24 <= target.length; at += 24) {
    offset += 8 * (1 + random.below(12));
    const bits = random.next();
    view.setUint32(at, offset, true);
    view.setUint32(at + 4, 0);
    view.setUint32(at + 8, 8 + (bits & 3), true);
    view.setUint32(at + 12, 0);
    view.setUint32(at + 16, (bits >>> 8) & 0xf_ffff, true);
    view.setUint32(at + 20, 0);
  }
  target.fill(0, at);
}

function fillNames(random: Random, target: Uint8Array): void {
  let at = 0;
  while (at < target.length) {
    if (at > 100 && random.chance(0.3)) at = repeatEarlier(random, target, at, 8, 24);
    at = wordVocabulary.put(wordRanks[random.next() & 0xffff]!, target, at);
    if (random.chance(0.4) && at < target.length) target[at++] = 0;
  }
}

const PAGE_BYTES = 8192;

/** Database pages: a header with a checksum, slots, free space, and rows of numbers and words from the end. */
function fillPages(random: Random, target: Uint8Array): void {
  for (let start = 0; start < target.length; start += PAGE_BYTES) {
    fillPage(random, target.subarray(start, Math.min(start + PAGE_BYTES, target.length)));
  }
}

function fillPage(random: Random, page: Uint8Array): void {
  const used = Math.floor(page.length * (0.6 + random.below(40) / 100));
  let at = putBytes(random.next(), page, putBytes(random.next(), page, 0));
  let key = random.next();
  while (at < used) {
    key = (key + 1 + random.below(3)) >>> 0;
    at = putBytes(key, page, at);
    at = putBytes(random.next(), page, at);
    at = putBytes(random.below(4096), page, at);
    const length = 4 + random.below(10);
    for (let i = 0; i < length && at < used; i++) {
      at = wordVocabulary.put(wordRanks[random.next() & 0xffff]!, page, at);
      if (at < page.length) page[at++] = SPACE;
    }
  }
  page.fill(0, at);
}

function putBytes(value: number, target: Uint8Array, at: number): number {
  let to = at;
  for (let shift = 0; shift < 32 && to < target.length; shift += 8) target[to++] = (value >>> shift) & 0xff;
  return to;
}
