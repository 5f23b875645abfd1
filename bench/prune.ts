// `node bench/prune.ts`: a prune by Cairn and by restic of the same vault, half of which is dead, in pairs.
//
//   --size 2         gigabytes (GiB) that are backed up; every other file is removed before the second backup
//   --runs 3         pairs; their order alternates
//   --tmp PATH       where the vault is; default: memory, else the temporary directory
//   --no-history     do not append to bench/history
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { findPeer } from '../test/support/peer-catalog.ts';
import { CORPUS_REVISION } from './corpora.ts';
import { appendHistory, circumstances, type RowResult } from './history.ts';
import { type Command, measureCommand, runCommand } from './measure.ts';
import { median } from './report.ts';
import { inEmptyFolder, removeTree, treeSize } from './stage.ts';

const { values: options } = parseArgs({
  options: {
    size: { type: 'string', default: '2' },
    runs: { type: 'string', default: '3' },
    tmp: { type: 'string' },
    history: { type: 'boolean', default: true },
  },
  allowNegative: true,
});

const MIB = 1024 * 1024;
const FILE_BYTES = 3 * MIB;
const PASSWORD = 'bench';
const LIMIT_MS = 10 * 60_000;
const runs = Number(options.runs);
const fileCount = Math.round((Number(options.size) * 1024 * MIB) / FILE_BYTES);
const base = options.tmp ?? (existsSync('/dev/shm') ? '/dev/shm' : tmpdir());
const root = resolve(join(base, 'cairn-bench-prune'));
const source = join(root, 'source');
const saved = join(root, 'saved');
const vault = join(root, 'vault');
const main = fileURLToPath(new URL('../dist/bundle/cairn.js', import.meta.url));

const env = { PATH: '/usr/bin:/bin', HOME: root, LANG: 'C.UTF-8', TZ: 'UTC' };
const cairn = (...args: string[]): Command => ({
  program: process.execPath,
  args: [main, '--vault', vault, '--no-cache', ...args],
  env: { ...env, CAIRN_PASSWORD: PASSWORD },
});
const peer = findPeer('restic-newest');
if (peer === undefined) throw new Error('restic-newest is not installed (npm run peers -- --bench)');
const restic = (...args: string[]): Command => ({
  program: peer.path,
  args: ['--no-cache', '-r', vault, ...args],
  env: { ...env, RESTIC_PASSWORD: PASSWORD },
});

/** A third of it compresses, the rest does not: so much that a tool that compresses again has something to do. */
function writeFiles(): void {
  mkdirSync(source, { recursive: true });
  for (let file = 0; file < fileCount; file++) {
    const bytes = randomBytes(FILE_BYTES);
    if (file % 3 === 0) for (let at = 0; at < bytes.length; at++) bytes[at] = 97 + ((bytes[at] ?? 0) & 15);
    writeFileSync(join(source, `f${file}`), bytes);
  }
}

async function makeVault(): Promise<void> {
  await runCommand(cairn('init', '--chunker', 'rabin'), LIMIT_MS);
  writeFiles();
  await runCommand(cairn('backup', source), LIMIT_MS);
  for (let file = 0; file < fileCount; file += 2) rmSync(join(source, `f${file}`));
  await runCommand(cairn('backup', source), LIMIT_MS);
  await removeTree(source);
  const backups = JSON.parse(await runCommand(cairn('list', '--json'), LIMIT_MS)) as { id: string }[];
  await runCommand(cairn('delete', backups[0]?.id ?? '', '--yes'), LIMIT_MS);
  await runCommand({ program: 'mv', args: [vault, saved], env }, LIMIT_MS);
}

/** Hard links: neither writes into a file that is there. */
async function freshVault(): Promise<void> {
  await removeTree(vault);
  await runCommand({ program: 'cp', args: ['-al', saved, vault], env }, LIMIT_MS);
}

/** Bytes that a process and its threads read, by any system call; asked for again and again until it ends. */
async function bytesReadBy({ program, args, env: environment }: Command): Promise<{ read: number; output: string }> {
  const child = spawn(program, args, { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
  let read = 0;
  const timer = setInterval(() => {
    try {
      read = Number(/rchar: (\d+)/u.exec(readFileSync(`/proc/${child.pid}/io`, 'utf8'))?.[1] ?? read);
    } catch {
      // It has ended.
    }
  }, 2);
  const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
  clearInterval(timer);
  return { read, output };
}

interface Outcome {
  readonly wallSeconds: number[];
  readonly cpuSeconds: number[];
  readonly peakRssBytes: number[];
  repositoryBytes: number;
}

const outcome = (): Outcome => ({ wallSeconds: [], cpuSeconds: [], peakRssBytes: [], repositoryBytes: 0 });

async function measure(command: Command, into: Outcome): Promise<void> {
  await freshVault();
  const cost = await measureCommand(command, vault, LIMIT_MS);
  into.wallSeconds.push(Number(cost.wallSeconds.toFixed(3)));
  into.cpuSeconds.push(cost.cpuSeconds);
  into.peakRssBytes.push(cost.peakRssBytes);
  into.repositoryBytes = treeSize(vault).bytes;
}

async function bench(): Promise<void> {
  await makeVault();
  const sizeBytes = treeSize(saved).bytes;
  const [ours, theirs] = [outcome(), outcome()];
  for (let run = 0; run < runs; run++) {
    const pair = [() => measure(cairn('prune'), ours), () => measure(restic('prune'), theirs)];
    for (const one of run % 2 === 0 ? pair : pair.toReversed()) await one();
  }
  await freshVault();
  const started = performance.now();
  const own = await bytesReadBy(cairn('prune', '--json'));
  const wallMs = performance.now() - started;
  const { exclusiveMs, bytesRead, bytesWritten } = JSON.parse(own.output) as Record<string, number>;
  await runCommand(restic('check', '--read-data'), LIMIT_MS);
  await freshVault();
  const other = await bytesReadBy(restic('prune'));
  const ratio = median(theirs.wallSeconds.map((seconds, run) => seconds / (ours.wallSeconds[run] ?? NaN)));
  const notes = {
    exclusiveShare: Number(((exclusiveMs ?? NaN) / wallMs).toFixed(4)),
    exclusiveMs: exclusiveMs ?? NaN,
    packBytesRead: bytesRead ?? NaN,
    packBytesWritten: bytesWritten ?? NaN,
    processBytesRead: own.read,
    peerProcessBytesRead: other.read,
  };
  const row: RowResult = {
    corpus: 'half-dead',
    row: 'prune',
    files: fileCount,
    sizeBytes,
    subject: 'cairn',
    tools: { cairn: summary(ours, 'this commit'), 'restic-newest': summary(theirs, peer?.version ?? '') },
    ratios: { 'restic-newest': Number(ratio.toFixed(3)) },
    notes,
  };
  console.log(JSON.stringify(row, undefined, 2));
  if (options.history) console.log(appendHistory(row, circumstances(root, CORPUS_REVISION)));
}

function summary(
  { wallSeconds, cpuSeconds, peakRssBytes, repositoryBytes }: Outcome,
  version: string,
): RowResult['tools'][string] {
  return {
    version,
    wallSeconds,
    medianWallSeconds: median(wallSeconds),
    medianCpuSeconds: Number(median(cpuSeconds).toFixed(3)),
    peakRssBytes: Math.max(...peakRssBytes),
    repositoryBytes,
  };
}

await inEmptyFolder(root, bench);
