// `node bench/remote.ts`: Cairn and restic do the same work through the same slow link to the same server.
//
//   --only mix               corpus (mix, small, …)
//   --server rest,s3         servers: rest-server, and rclone's S3 server
//   --rows first,restore     rows (first, unchanged, restore, check, prune)
//   --runs 3                 repetitions, in alternating order
//   --round-trip 50          milliseconds; 0 for none
//   --bandwidth 20           megabytes per second each way; 0 for no limit
//   --per-connection         that bandwidth is of each connection, not of all together
//   --tmp PATH               where data, servers and targets are; default: memory, else the temporary directory
//   --no-history             do not append to bench/history
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { CORPUS_REVISION, corpusNames, makeCorpus } from './corpora.ts';
import { appendHistory, circumstances, type ToolResult } from './history.ts';
import { endAll, measureCommand, runCommand, type Command, type Cost } from './measure.ts';
import { startServer, type ServerName } from './remote-server.ts';
import { median, summarise } from './report.ts';
import { SlowLink, type Traffic } from './slow-link.ts';
import { removeTree } from './stage.ts';
import { findRemoteTool, remoteToolNames, type RemotePlace, type RemoteTool } from './remote-tools.ts';

const rowNames = ['first', 'unchanged', 'restore', 'check', 'prune'] as const;
type RowName = (typeof rowNames)[number];

const COMMAND_MS = 15 * 60_000;

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: 'mix' },
    server: { type: 'string', default: 'rest' },
    rows: { type: 'string', default: rowNames.join(',') },
    runs: { type: 'string', default: '3' },
    'round-trip': { type: 'string', default: '50' },
    bandwidth: { type: 'string', default: '20' },
    'per-connection': { type: 'boolean', default: false },
    tmp: { type: 'string' },
    history: { type: 'boolean', default: true },
  },
  allowNegative: true,
});

const root = resolve(options.tmp ?? join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'cairn-bench'));
const rows = options.rows.split(',').map((name) => {
  const row = rowNames.find((known) => known === name);
  if (row === undefined) throw new Error(`unknown row ${name}: there are ${rowNames.join(', ')}`);
  return row;
});
const link = {
  roundTripMs: Number(options['round-trip']),
  bytesPerSecond: Number(options.bandwidth) * 1e6 || undefined,
  perConnection: options['per-connection'],
};

interface Sample extends Cost {
  readonly traffic: Traffic;
}

interface Corpus {
  readonly name: string;
  readonly tree: string;
  readonly files: number;
  readonly sizeBytes: number;
}

/** One tool on one server: all rows in order, each on what the one before left. */
async function runTool(tool: RemoteTool, serverName: ServerName, corpus: Corpus): Promise<Map<RowName, Sample>> {
  const home = join(root, 'remote', tool.name);
  await removeTree(home);
  mkdirSync(join(home, 'state'), { recursive: true });
  await using server = await startServer(serverName, join(home, 'server'));
  await using line = await SlowLink.open({ target: server.url, ...link });
  const samples = new Map<RowName, Sample>();
  const place = { state: join(home, 'state'), environment: server.environment };
  await runCommand(tool.init(server.repository(tool.name, server.url), place), COMMAND_MS);
  const url = server.repository(tool.name, line.url);
  for (const row of rowNames.filter((name) => name === 'first' || rows.includes(name))) {
    const target = join(home, `target-${row}`);
    mkdirSync(target, { recursive: true });
    if (row === 'prune') await forgetHalf(tool, server.repository(tool.name, server.url), place, corpus.tree);
    line.take();
    const cost = await measureCommand(commandOf(tool, row, url, place, corpus.tree, target), home, COMMAND_MS);
    if (rows.includes(row)) samples.set(row, { ...cost, traffic: line.take() });
  }
  await removeTree(home);
  return samples;
}

/** Leaves one backup of about half of the corpus; not through the link, and not measured. */
async function forgetHalf(tool: RemoteTool, url: string, place: RemotePlace, tree: string): Promise<void> {
  const folders = readdirSync(tree).filter((_, i) => i % 2 === 0);
  await runCommand(
    tool.backup(
      url,
      place,
      folders.map((name) => join(tree, name)),
    ),
    COMMAND_MS,
  );
  await runCommand(tool.forgetOthers(url, place), COMMAND_MS);
}

function commandOf(
  tool: RemoteTool,
  row: RowName,
  url: string,
  place: RemotePlace,
  tree: string,
  target: string,
): Command {
  switch (row) {
    case 'first':
    case 'unchanged':
      return tool.backup(url, place, [tree]);
    case 'restore':
      return tool.restore(url, place, target);
    case 'check':
      return tool.check(url, place);
    case 'prune':
      return tool.prune(url, place);
    default:
      return row satisfies never;
  }
}

interface RemoteResult extends ToolResult {
  readonly traffic: Traffic;
  /** Of the corpus: what a provider charges for. */
  readonly requestsPerGib: number;
}

function resultOf(samples: readonly Sample[], version: string, sizeBytes: number): RemoteResult {
  const { traffic } = samples.at(-1)!;
  const count = Object.values(traffic.requests).reduce((sum, each) => sum + each, 0);
  const requestsPerGib = Number((count / (sizeBytes / 2 ** 30)).toFixed(1));
  return { ...summarise(samples, version), traffic, requestsPerGib };
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function requestsOf({ requests }: Traffic): string {
  const all = Object.entries(requests).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return all.map(([method, count]) => `${method} ${count}`).join(', ');
}

async function runServer(serverName: ServerName, corpus: Corpus): Promise<void> {
  const tools = remoteToolNames.flatMap((name) => findRemoteTool(name) ?? []);
  const [own, peer] = tools;
  if (own === undefined || peer === undefined) throw new Error('build Cairn, and install restic (npm run peers)');
  const samples = new Map(tools.map((tool) => [tool.name, [] as Map<RowName, Sample>[]]));
  for (let run = 0; run < Number(options.runs); run++) {
    for (const tool of run % 2 === 0 ? tools : tools.toReversed()) {
      samples.get(tool.name)!.push(await runTool(tool, serverName, corpus));
    }
  }
  for (const row of rows) report(row, serverName, corpus, own, peer, samples);
}

function report(
  row: RowName,
  serverName: ServerName,
  { name, files, sizeBytes }: Corpus,
  own: RemoteTool,
  peer: RemoteTool,
  samples: ReadonlyMap<string, readonly Map<RowName, Sample>[]>,
): void {
  const of = (tool: RemoteTool): Sample[] => samples.get(tool.name)!.flatMap((run) => run.get(row) ?? []);
  const [ours, theirs] = [of(own), of(peer)];
  const ratio = median(ours.map((sample, run) => (theirs[run]?.wallSeconds ?? NaN) / sample.wallSeconds));
  console.log(`${name} over ${serverName}: ${row}: ${ratio.toFixed(2)}× as fast as ${peer.name}`);
  for (const [tool, list] of [
    [own, ours],
    [peer, theirs],
  ] as const) {
    const walls = list.map(({ wallSeconds }) => wallSeconds.toFixed(2)).join(' ');
    const traffic = list.at(-1)?.traffic;
    if (traffic === undefined) continue;
    const moved = `up ${megabytes(traffic.uploadedBytes)}, down ${megabytes(traffic.downloadedBytes)}`;
    console.log(`  ${tool.name.padEnd(14)} [${walls}] s  ${moved}  ${requestsOf(traffic)}`);
  }
  if (!options.history) return;
  const result = {
    corpus: name,
    row: `${serverName}-${row}`,
    files,
    sizeBytes,
    subject: own.name,
    link,
    tools: {
      [own.name]: resultOf(ours, own.version, sizeBytes),
      [peer.name]: resultOf(theirs, peer.version, sizeBytes),
    },
    ratios: { [peer.name]: Number(ratio.toFixed(3)) },
  };
  appendHistory(result, circumstances(root, CORPUS_REVISION));
}

async function main(): Promise<void> {
  const name = corpusNames.find((known) => known === options.only);
  if (name === undefined) throw new Error(`unknown corpus ${options.only}: there are ${corpusNames.join(', ')}`);
  const corpus = await makeCorpus(name, join(root, 'corpora'));
  const servers: readonly ServerName[] = ['rest', 's3'];
  for (const server of servers.filter((known) => options.server.split(',').includes(known))) {
    await runServer(server, corpus);
  }
}

process.once('SIGINT', () => {
  endAll();
  process.exit(130);
});
try {
  await main();
} finally {
  endAll();
  await removeTree(join(root, 'remote'));
}
