// `npm run bench:growth`: how the cost of one file, and of one byte, grows with a source. Cairn alone.
//
//   --files 10000,100000,1000000   sources of so many small files, a hundred to a directory
//   --mib 256,4096                 sources of one file of so many MiB
//   --rows first,restore           rows (first, unchanged, changed, restore, check)
//   --tmp PATH                     where everything is; default: memory, else the temporary directory
//   --no-history                   do not append to bench/history
//
// Each row says what one file, or one MiB, took, and that beside the smallest source: 1.25 is a quarter more.
import { existsSync, mkdirSync, writeFileSync, writeSync, closeSync, openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { fillContent } from './content.ts';
import { CORPUS_REVISION } from './corpora.ts';
import { appendHistory, circumstances, type RowResult } from './history.ts';
import { measureCommand, type Command, type Cost } from './measure.ts';
import { fillRandom } from './random.ts';
import { inEmptyFolder, removeTree, Stage } from './stage.ts';
import { findTool, type Tool } from './tools.ts';

const rowNames = ['first', 'unchanged', 'changed', 'restore', 'check'] as const;
type RowName = (typeof rowNames)[number];

const { values: options } = parseArgs({
  options: {
    files: { type: 'string', default: '10000,100000,1000000' },
    mib: { type: 'string', default: '256,4096' },
    rows: { type: 'string', default: rowNames.join(',') },
    tmp: { type: 'string' },
    history: { type: 'boolean', default: true },
  },
  allowNegative: true,
});

const LIMIT_MS = 15 * 60_000;
const MIB = 1024 * 1024;
const FILES_PER_DIRECTORY = 100;
/** One of so many files gets new content. */
const CHANGED_ONE_OF = 100;

interface Source {
  readonly name: string;
  /** What the cost is counted by. */
  readonly unit: 'file' | 'MiB';
  readonly units: number;
  readonly files: number;
  readonly sizeBytes: number;
  write(): void;
  change(): void;
}

const root = resolve(join(options.tmp ?? (existsSync('/dev/shm') ? '/dev/shm' : tmpdir()), 'cairn-bench-growth'));
const tree = join(root, 'tree');

const sizeOf = (file: number): number => 200 + ((file * 7919) % 800);

function pathOf(file: number): string {
  const directory = Math.floor(file / FILES_PER_DIRECTORY);
  return join(tree, `part-${Math.floor(directory / 100)}`, `folder-${directory}`, `file-${file}.txt`);
}

function writeOne(file: number, seed: string): void {
  const bytes = new Uint8Array(sizeOf(file));
  fillRandom(`${seed}/${file}`, bytes);
  // Text of 16 letters, no two files the same.
  for (const [i, byte] of bytes.entries()) bytes[i] = 97 + (byte & 15);
  writeFileSync(pathOf(file), bytes);
}

function smallFiles(count: number): Source {
  return {
    name: `files-${count}`,
    unit: 'file',
    units: count,
    files: count,
    sizeBytes: Array.from({ length: count }, (_, file) => sizeOf(file)).reduce((sum, size) => sum + size, 0),
    write() {
      for (let file = 0; file < count; file++) {
        if (file % FILES_PER_DIRECTORY === 0) mkdirSync(join(pathOf(file), '..'), { recursive: true });
        writeOne(file, 'first');
      }
    },
    change() {
      for (let file = 0; file < count; file += CHANGED_ONE_OF) writeOne(file, 'changed');
    },
  };
}

function oneFile(mib: number): Source {
  const path = join(tree, 'image');
  const fill = (flags: string, stretches: Iterable<number>, seed: string): void => {
    mkdirSync(tree, { recursive: true });
    const file = openSync(path, flags);
    const bytes = new Uint8Array(MIB);
    for (const at of stretches) {
      // Half of it compresses.
      fillContent(at % 2 === 0 ? 'pages' : 'random', `${seed}/${at}`, bytes);
      writeSync(file, bytes, 0, bytes.length, at * MIB);
    }
    closeSync(file);
  };
  const every = (step: number): number[] => Array.from({ length: Math.ceil(mib / step) }, (_, i) => i * step);
  return {
    name: `mib-${mib}`,
    unit: 'MiB',
    units: mib,
    files: 1,
    sizeBytes: mib * MIB,
    write: () => fill('w', every(1), 'first'),
    change: () => fill('r+', every(CHANGED_ONE_OF), 'changed'),
  };
}

function numbers(text: string): number[] {
  const list = text === '' ? [] : text.split(',').map(Number);
  for (const number of list) if (!(number >= 1)) throw new Error(`${number} is no size of a source`);
  return list.toSorted((a, b) => a - b);
}

function chosenRows(): readonly RowName[] {
  return options.rows.split(',').map((text) => {
    const name = rowNames.find((candidate) => candidate === text);
    if (name === undefined) throw new Error(`unknown row ${text}: there are ${rowNames.join(', ')}`);
    return name;
  });
}

function commandOf(row: RowName, tool: Tool, stage: Stage): Promise<Command> {
  if (row === 'restore') return tool.restore(stage.place, tree, stage.target);
  if (row === 'check') return tool.check(stage.place);
  return tool.backup(stage.place, tree, 'normal');
}

/** What a unit took for the smallest source, by row. */
type Smallest = Map<RowName, number>;

function report(row: RowName, source: Source, cost: Cost, smallest: Smallest): void {
  const perUnit = (cost.wallSeconds * 1e6) / source.units;
  const growth = perUnit / (smallest.get(row) ?? perUnit);
  if (!smallest.has(row)) smallest.set(row, perUnit);
  const rss = `${(cost.peakRssBytes / 1e6).toFixed(0)} MB`;
  console.log(
    `${source.name.padEnd(14)} ${row.padEnd(10)} ${cost.wallSeconds.toFixed(2).padStart(7)} s  ` +
      `${perUnit.toFixed(1).padStart(8)} µs a ${source.unit}  ${growth.toFixed(2)} ×  ${rss.padStart(7)}`,
  );
  const result: RowResult = {
    corpus: source.name,
    row,
    files: source.files,
    sizeBytes: source.sizeBytes,
    subject: 'cairn',
    tools: {
      cairn: {
        version: 'this commit',
        wallSeconds: [cost.wallSeconds],
        medianWallSeconds: cost.wallSeconds,
        medianCpuSeconds: cost.cpuSeconds,
        peakRssBytes: cost.peakRssBytes,
      },
    },
    ratios: {},
    notes: { microsecondsPerUnit: Number(perUnit.toFixed(2)), besideSmallest: Number(growth.toFixed(3)) },
  };
  if (options.history) appendHistory(result, circumstances(root, CORPUS_REVISION));
}

async function measureSource(source: Source, tool: Tool, rows: readonly RowName[], smallest: Smallest): Promise<void> {
  await removeTree(tree);
  source.write();
  const stage = new Stage(join(root, 'stage'), source.name);
  await stage.fresh(tool);
  for (const row of rowNames) {
    if (row === 'changed' && rows.includes(row)) source.change();
    // The first backup is what the others start from.
    if (row !== 'first' && !rows.includes(row)) continue;
    const cost = await measureCommand(await commandOf(row, tool, stage), stage.place.repository, LIMIT_MS);
    if (rows.includes(row)) report(row, source, cost, smallest);
    await removeTree(stage.target);
    mkdirSync(stage.target, { recursive: true });
  }
  await stage.remove();
}

async function bench(): Promise<void> {
  const tool = findTool('cairn');
  if (tool === undefined) throw new Error('the command is not built: npm run build');
  const rows = chosenRows();
  for (const sources of [numbers(options.files).map(smallFiles), numbers(options.mib).map(oneFile)]) {
    const smallest: Smallest = new Map();
    for (const source of sources) await measureSource(source, tool, rows, smallest);
  }
}

await inEmptyFolder(root, bench);
