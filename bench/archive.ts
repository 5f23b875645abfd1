// `node bench/archive.ts`: `cairn archive` and `tar | zstd -3 -T2 | age -r` of the same tree, in pairs; then, with --s3, one archive
// of so many gigabytes through an S3 server, with the peak of its memory.
//
//   --only mix       corpus (mix, small, incompressible, big)
//   --runs 5         pairs; their order alternates
//   --s3 6           gigabytes (GB) to send to a server on this machine; default: none
//   --tmp PATH       where everything is; default: memory, else the temporary directory
//   --no-history     do not append to bench/history
import { existsSync, mkdirSync, rmSync, writeFileSync, openSync, writeSync, closeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { findPeer } from '../test/support/peer-catalog.ts';
import { CORPUS_REVISION, type CorpusName, corpusNames, makeCorpus } from './corpora.ts';
import { appendHistory, circumstances, type RowResult } from './history.ts';
import { type Command, measureCommand, runCommand } from './measure.ts';
import { fillRandom } from './random.ts';
import { startServer } from './remote-server.ts';
import { median } from './report.ts';
import { removeTree, treeSize } from './stage.ts';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: 'mix' },
    runs: { type: 'string', default: '5' },
    s3: { type: 'string' },
    tmp: { type: 'string' },
    history: { type: 'boolean', default: true },
  },
  allowNegative: true,
});

const LIMIT_MS = 20 * 60_000;
const base = options.tmp ?? (existsSync('/dev/shm') ? '/dev/shm' : tmpdir());
const root = resolve(join(base, 'cairn-bench-archive'));
const main = fileURLToPath(new URL('../dist/bundle/cairn.js', import.meta.url));
const env = { PATH: '/usr/bin:/bin', HOME: root, LANG: 'C.UTF-8', TZ: 'UTC', CAIRN_PASSWORD: 'bench' };
const age = findPeer('age');
if (age === undefined) throw new Error('age is not installed (npm run peers)');
const recipient = await identityToRecipient(await generateX25519Identity());

const cairn = (vault: string, args: readonly string[], more: Readonly<Record<string, string>> = {}): Command => ({
  program: process.execPath,
  args: [main, '--vault', vault, '--no-cache', ...args],
  env: { ...env, ...more },
});

interface Outcome {
  readonly wallSeconds: number[];
  readonly cpuSeconds: number[];
  readonly peakRssBytes: number[];
  storedBytes: number;
}

const outcome = (): Outcome => ({ wallSeconds: [], cpuSeconds: [], peakRssBytes: [], storedBytes: 0 });

async function measure(command: Command, written: string, into: Outcome): Promise<void> {
  const cost = await measureCommand(command, root, LIMIT_MS);
  into.wallSeconds.push(Number(cost.wallSeconds.toFixed(3)));
  into.cpuSeconds.push(Number(cost.cpuSeconds.toFixed(3)));
  into.peakRssBytes.push(cost.peakRssBytes);
  into.storedBytes = treeSize(written).bytes;
  rmSync(written, { recursive: true, force: true });
}

async function pairs(name: CorpusName): Promise<void> {
  const corpus = await makeCorpus(name, join(root, 'corpora'));
  const vault = join(root, 'vault');
  await runCommand(cairn(vault, ['init']), LIMIT_MS);
  const piped = join(root, 'piped');
  const ours = outcome();
  const theirs = outcome();
  const archive = cairn(vault, ['archive', corpus.tree, '-r', recipient]);
  const script = `tar -cf - -C ${corpus.tree}/.. ${corpus.tree.split('/').at(-1)} | zstd -q -3 -T2 | ${age?.path} -r ${recipient} > ${piped}/x`;
  const pipeline: Command = { program: 'sh', args: ['-c', script], env };
  const one = async (): Promise<void> => measure(archive, join(vault, 'archives'), ours);
  const other = async (): Promise<void> => {
    mkdirSync(piped, { recursive: true });
    await measure(pipeline, piped, theirs);
  };
  for (let run = 0; run < Number(options.runs); run++) {
    for (const step of run % 2 === 0 ? [one, other] : [other, one]) await step();
  }
  const { files, bytes } = treeSize(corpus.tree);
  const ratio = median(theirs.wallSeconds.map((seconds, run) => seconds / (ours.wallSeconds[run] ?? NaN)));
  const row: RowResult = {
    corpus: name,
    row: 'archive',
    files,
    sizeBytes: bytes,
    subject: 'cairn',
    tools: { cairn: summary(ours, 'this commit'), 'tar-zstd-age': summary(theirs, age?.version ?? '') },
    ratios: { 'tar-zstd-age': Number(ratio.toFixed(3)) },
  };
  console.log(JSON.stringify(row, undefined, 2));
  if (options.history) console.log(appendHistory(row, circumstances(root, CORPUS_REVISION)));
}

function summary(outcome: Outcome, version: string): RowResult['tools'][string] {
  return {
    version,
    wallSeconds: outcome.wallSeconds,
    medianWallSeconds: median(outcome.wallSeconds),
    medianCpuSeconds: Number(median(outcome.cpuSeconds).toFixed(3)),
    peakRssBytes: Math.max(...outcome.peakRssBytes),
    repositoryBytes: outcome.storedBytes,
  };
}

/** Half of it does not compress. What is read is one file under several names, so that it needs little room. */
async function throughS3(gigabytes: number): Promise<void> {
  const source = join(root, 'large');
  mkdirSync(source, { recursive: true });
  const chunk = new Uint8Array(64_000_000);
  for (let file = 0; file < Math.ceil(gigabytes * 2); file++) {
    const fd = openSync(join(source, `f${file}`), 'w');
    for (let part = 0; part < 500_000_000; part += chunk.length) {
      fillRandom(`${file} ${part}`, chunk);
      if (part % (2 * chunk.length) === 0)
        for (let at = 0; at < chunk.length; at++) chunk[at] = 97 + ((chunk[at] ?? 0) & 15);
      writeSync(fd, chunk, 0, Math.min(chunk.length, 500_000_000 - part));
    }
    closeSync(fd);
  }
  await using server = await startServer('s3', join(root, 's3'));
  const vault = server.repository('cairn', server.url);
  await runCommand(cairn(vault, ['init'], server.environment), LIMIT_MS);
  const command = cairn(vault, ['archive', source, '-r', recipient, '--json'], server.environment);
  const cost = await measureCommand(command, root, LIMIT_MS);
  const { bytes } = treeSize(source);
  const result = {
    sourceBytes: bytes,
    wallSeconds: Number(cost.wallSeconds.toFixed(1)),
    cpuSeconds: Number(cost.cpuSeconds.toFixed(1)),
    peakRssMB: Math.round(cost.peakRssBytes / 1e6),
  };
  writeFileSync(join(tmpdir(), 'cairn-bench-archive-s3.json'), JSON.stringify(result));
  console.log(result);
}

await removeTree(root);
mkdirSync(root, { recursive: true });
try {
  if (options.s3 === undefined) {
    for (const name of corpusNames.filter((name) => options.only.split(',').includes(name))) await pairs(name);
  } else await throughS3(Number(options.s3));
} finally {
  await removeTree(root);
}
