// `npm run bench`: Cairn and its peers do the same work on the same data, in pairs.
//
//   --only mix,small          corpora (mix, small, incompressible, big); default: all
//   --rows first,restore      rows (first, unchanged, force, restore, check, changed)
//   --peers restic-newest     peers; default: all that are installed (npm run peers -- --bench)
//   --subject restic          what is compared with the peers; default: cairn
//   --runs 5                  repetitions; their order alternates (A B, B A, A B, …)
//   --dir PATH                a real tree instead of the corpora; it is only read
//   --tmp PATH                where data, repositories and targets are; default: memory, else the temporary directory
//   --budget 9                gigabytes below --tmp that may be in use at once
//   --minutes 60              no repetition starts after this time
//   --keep                    keep the corpora for the next run
//   --no-history              do not append to bench/history
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { CORPUS_REVISION, corpusNames, makeCorpus, type CorpusName } from './corpora.ts';
import { appendHistory, circumstances, type RowResult, type ToolResult } from './history.ts';
import { endAll, measureCommand, runCommand, type Command, type Cost } from './measure.ts';
import { median, renderRow, summarise } from './report.ts';
import { removeTree, Stage, treeSize } from './stage.ts';
import { findTool, toolNames, type Tool, type ToolName } from './tools.ts';

const rowNames = ['first', 'unchanged', 'force', 'restore', 'check', 'changed'] as const;
type RowName = (typeof rowNames)[number];

interface Subject {
  readonly name: string;
  readonly tree: string;
  readonly files: number;
  readonly sizeBytes: number;
  readonly toVersion: ((version: 1 | 2) => Promise<void>) | undefined;
  /** Repository size expected, as a share of the data: only to plan the space. */
  readonly packedShare: number;
  readonly rows: readonly RowName[];
}

const corpusRows: Record<CorpusName, { rows: readonly RowName[]; packedShare: number }> = {
  mix: { rows: rowNames, packedShare: 0.45 },
  small: { rows: ['first', 'unchanged', 'restore', 'changed'], packedShare: 0.6 },
  incompressible: { rows: ['first', 'changed'], packedShare: 1.01 },
  big: { rows: ['first', 'changed'], packedShare: 0.57 },
};

const COMMAND_MS = 15 * 60_000;

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    rows: { type: 'string' },
    peers: { type: 'string' },
    subject: { type: 'string', default: 'cairn' },
    runs: { type: 'string', default: '5' },
    dir: { type: 'string' },
    tmp: { type: 'string' },
    budget: { type: 'string', default: '9' },
    minutes: { type: 'string', default: '60' },
    keep: { type: 'boolean', default: false },
    history: { type: 'boolean', default: true },
  },
  allowNegative: true,
});

function chosen<T extends string>(text: string | undefined, known: readonly T[], what: string): readonly T[] {
  if (text === undefined) return known;
  return text.split(',').map((name) => {
    const match = known.find((candidate) => candidate === name);
    if (match === undefined) throw new Error(`unknown ${what} ${name}: there are ${known.join(', ')}`);
    return match;
  });
}

function positive(text: string, what: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${what} wants a positive number, not ${text}`);
  return value;
}

const runs = Math.floor(positive(options.runs, 'runs'));
const budgetBytes = positive(options.budget, 'budget') * 1e9;
const deadline = performance.now() + positive(options.minutes, 'minutes') * 60_000;
const rowsWanted = chosen(options.rows, rowNames, 'row');
const root = resolve(options.tmp ?? join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'cairn-bench'));
let failures = 0;

function findTools(): readonly [Tool, ...Tool[]] {
  const [subjectName] = chosen(options.subject, toolNames, 'subject');
  const subject = subjectName === undefined ? undefined : findTool(subjectName);
  if (subject === undefined)
    throw new Error(`${options.subject} is not built or installed (npm run build, npm run peers -- --bench)`);
  const defaults: readonly ToolName[] = ['restic-newest', 'rustic', 'borg', 'kopia'];
  const names = options.peers === undefined ? defaults : chosen(options.peers, toolNames, 'peer');
  const peers: Tool[] = [];
  for (const name of names.filter((peer) => peer !== subject.name)) {
    const peer = findTool(name);
    if (peer === undefined) console.log(`not compared with ${name}: not installed (npm run peers -- --with ${name})`);
    else peers.push(peer);
  }
  return [subject, ...peers];
}

/** One tool on the stage, in one corpus. */
interface Contender {
  readonly tool: Tool;
  readonly stage: Stage;
}

interface Sample extends Cost {
  readonly repositoryBytes: number | undefined;
}

async function runOnce(row: RowName, { tool, stage }: Contender, subject: Subject, verify: boolean): Promise<Sample> {
  if (row === 'first') await stage.fresh(tool);
  else await stage.reset();
  const written = row === 'restore' ? stage.target : stage.place.repository;
  const cost = await measureCommand(await commandOf(row, tool, stage, subject), written, COMMAND_MS);
  if (row === 'restore' && verify) verifyRestored(stage.target, subject);
  return { ...cost, repositoryBytes: row === 'first' || row === 'changed' ? stage.repositoryBytes() : undefined };
}

function commandOf(row: RowName, tool: Tool, { place, target }: Stage, { tree }: Subject): Promise<Command> {
  switch (row) {
    case 'first':
    case 'unchanged':
    case 'changed':
      return tool.backup(place, tree, 'normal');
    case 'force':
      return tool.backup(place, tree, 'reread');
    case 'restore':
      return tool.restore(place, tree, target);
    case 'check':
      return tool.check(place);
    default:
      return row satisfies never;
  }
}

/** A tool that restores less is not faster. */
function verifyRestored(target: string, { files, sizeBytes }: Subject): void {
  const restored = treeSize(target);
  if (restored.files === files && restored.bytes === sizeBytes) return;
  throw new Error(`restored ${restored.files} files, ${restored.bytes} bytes; there are ${files}, ${sizeBytes}`);
}

const refuse = (): Promise<never> => Promise.reject(new Error('tar only restores'));

/** `tar x` of the same files: what writing them costs without any backup tool. */
async function makeTar(stage: Stage, tree: string): Promise<Contender> {
  const file = join(stage.place.state, 'tree.tar');
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' };
  const command = (...args: string[]): Command => ({ program: 'tar', args, env });
  const tool: Tool = {
    name: 'tar',
    version: 'of this system',
    init: async ({ repository }) => {
      mkdirSync(repository, { recursive: true });
      await runCommand(command('-cf', file, '-C', tree, '.'), COMMAND_MS);
    },
    backup: refuse,
    check: refuse,
    restore: async (_place, _tree, target) => command('-xf', file, '-C', target),
  };
  await stage.fresh(tool);
  await stage.save();
  return { tool, stage };
}

function resultOf(samples: readonly Sample[], version: string): ToolResult {
  const sizes = samples.flatMap(({ repositoryBytes }) => (repositoryBytes === undefined ? [] : [repositoryBytes]));
  return { ...summarise(samples, version), ...(sizes.length > 0 && { repositoryBytes: median(sizes) }) };
}

/** Runs all contenders `runs` times in alternating order. `afterLast` sees a contender right after its last run. */
async function runRow(
  row: RowName,
  contenders: readonly Contender[],
  subject: Subject,
  afterLast: (contender: Contender) => Promise<void>,
): Promise<void> {
  const samples = new Map(contenders.map((contender) => [contender, [] as Sample[]]));
  for (let run = 0; run < runs; run++) {
    if (run > 0 && performance.now() > deadline) break;
    const last = run === runs - 1 || performance.now() > deadline;
    for (const contender of run % 2 === 0 ? contenders : contenders.toReversed()) {
      samples.get(contender)!.push(await runOnce(row, contender, subject, run === 0));
      if (last) await afterLast(contender);
      await contender.stage.clear();
    }
    if (last) break;
  }
  report(row, contenders, subject, samples);
}

function report(
  row: RowName,
  contenders: readonly Contender[],
  { name, files, sizeBytes }: Subject,
  samples: ReadonlyMap<Contender, readonly Sample[]>,
): void {
  const [first, ...others] = contenders;
  const own = samples.get(first!)!;
  const ratio = (peer: Contender): number =>
    Number(median(samples.get(peer)!.map(({ wallSeconds }, run) => wallSeconds / own[run]!.wallSeconds)).toFixed(3));
  const result: RowResult = {
    corpus: name,
    row,
    files,
    sizeBytes,
    subject: first!.tool.name,
    tools: Object.fromEntries(
      contenders.map((contender) => [contender.tool.name, resultOf(samples.get(contender)!, contender.tool.version)]),
    ),
    ratios: Object.fromEntries(others.map((peer) => [peer.tool.name, ratio(peer)])),
  };
  console.log(`${renderRow(result)}\n`);
  if (options.history) appendHistory(result, circumstances(root, CORPUS_REVISION));
}

/** Rows after the first start from a saved repository of each tool; drop them where that does not fit. */
function rowsThatFit(subject: Subject, tools: number): readonly RowName[] {
  const rows = subject.rows.filter((row) => rowsWanted.includes(row));
  const packed = subject.sizeBytes * subject.packedShare;
  const source = options.dir === undefined ? subject.sizeBytes : 0;
  const fits = (row: RowName): boolean => {
    const targets = row === 'restore' ? subject.sizeBytes : 0;
    return source + (row === 'first' ? packed : packed * tools * 1.05) + targets <= budgetBytes;
  };
  for (const row of rows.filter((name) => !fits(name))) {
    console.log(`${subject.name}: ${row} needs more than ${options.budget} GB at once; left out (--budget)`);
  }
  return rows.filter(fits);
}

async function runSubject(subject: Subject, tools: readonly Tool[]): Promise<void> {
  const rows = rowsThatFit(subject, tools.length);
  const contenders = tools.map((tool) => ({ tool, stage: new Stage(join(root, 'stage'), tool.name) }));
  const later = rows.filter((row) => row !== 'first');
  const save = async ({ stage }: Contender): Promise<void> => {
    if (later.length > 0) await stage.save();
  };
  try {
    if (rows.includes('first')) await runRow('first', contenders, subject, save);
    else for (const contender of contenders) await prepare(contender, subject);
    for (const row of later) {
      if (performance.now() > deadline) {
        console.log(`${subject.name}: out of time before ${row}`);
        return;
      }
      // One row that fails does not take the others with it.
      await attempt(`${subject.name}: ${row}`, () => runLaterRow(row, contenders, subject));
    }
  } finally {
    for (const { stage } of contenders) await stage.remove();
  }
}

async function runLaterRow(row: RowName, contenders: readonly Contender[], subject: Subject): Promise<void> {
  if (row === 'changed') await subject.toVersion?.(2);
  const tarStage = new Stage(join(root, 'stage'), 'tar');
  try {
    const withTar = row === 'restore' && subject.name === 'small';
    const tar = withTar ? [await makeTar(tarStage, subject.tree)] : [];
    await runRow(row, [...contenders, ...tar], subject, () => Promise.resolve());
  } finally {
    await tarStage.remove();
  }
}

/** The state that later rows start from, where the first backup is not measured. */
async function prepare(contender: Contender, subject: Subject): Promise<void> {
  await runOnce('first', contender, subject, false);
  await contender.stage.save();
  await contender.stage.clear();
}

async function subjectOfCorpus(name: CorpusName): Promise<Subject> {
  const { tree, files, sizeBytes, toVersion } = await timed(`made ${name}`, () => openCorpus(name));
  return { name, tree, files, sizeBytes, toVersion, ...corpusRows[name] };
}

async function openCorpus(name: CorpusName): Promise<Omit<Subject, 'rows' | 'packedShare'>> {
  const corpus = await makeCorpus(name, join(root, 'corpora'));
  const { tree, files, sizeBytes } = corpus;
  return { name, tree, files, sizeBytes, toVersion: (version) => corpus.toVersion(version) };
}

async function timed<T>(what: string, task: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await task();
  console.log(`${what} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return result;
}

function subjectOfDirectory(path: string): Subject {
  const tree = resolve(path);
  const { files, bytes } = treeSize(tree);
  const rows = rowNames.filter((row) => row !== 'changed');
  return { name: `dir ${tree}`, tree, files, sizeBytes: bytes, toVersion: undefined, packedShare: 0.7, rows };
}

async function attempt(name: string, task: () => Promise<void>): Promise<void> {
  try {
    await task();
  } catch (error) {
    failures++;
    console.error(`${name} stopped: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function main(): Promise<void> {
  const tools = findTools();
  mkdirSync(root, { recursive: true });
  const { bavail, bsize } = statfsSync(root);
  const about = circumstances(root, CORPUS_REVISION);
  console.log(tools.map(({ name, version }) => `${name} ${version}`).join(', '));
  console.log(
    `${about.cores} cores ${about.cpu}, Node ${about.node}, commit ${about.commit}, ${about.fileSystem} at ${root}`,
  );
  console.log(
    `${(bavail * bsize * 1e-9).toFixed(0)} GB free; the data is in the page cache; flushing to disk counts\n`,
  );
  if (options.dir !== undefined) {
    const directory = options.dir;
    await attempt(directory, () => runSubject(subjectOfDirectory(directory), tools));
  } else {
    for (const name of chosen(options.only, corpusNames, 'corpus')) {
      if (performance.now() > deadline) console.log(`${name}: out of time`);
      else await attempt(name, async () => runSubject(await subjectOfCorpus(name), tools));
      if (!options.keep) await removeTree(join(root, 'corpora', name));
    }
  }
  cleanUp();
}

/** Removes what is ours below --tmp, and the directory itself if nothing else is in it. */
function cleanUp(): void {
  const ours = options.keep ? ['stage'] : ['stage', 'corpora'];
  spawnSync('rm', ['-rf', ...ours.map((name) => join(root, name))]);
  spawnSync('rmdir', [root], { stdio: 'ignore' });
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    endAll();
    cleanUp();
    process.exit(130);
  });
}

await attempt('bench', main);
if (failures > 0) process.exitCode = 1;
