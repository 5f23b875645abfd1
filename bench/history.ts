// Results are kept, one JSON line per row, in one file per class of machine: compare only within one file.
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, statfsSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

export interface ToolResult {
  readonly version: string;
  readonly wallSeconds: readonly number[];
  readonly medianWallSeconds: number;
  readonly medianCpuSeconds: number;
  readonly peakRssBytes: number;
  readonly repositoryBytes?: number;
}

export interface RowResult {
  readonly corpus: string;
  readonly row: string;
  readonly files: number;
  readonly sizeBytes: number;
  readonly subject: string;
  readonly tools: Readonly<Record<string, ToolResult>>;
  /** Median over the pairs of the peer's time divided by the subject's: above 1, the subject is faster. */
  readonly ratios: Readonly<Record<string, number>>;
  /** What only this row measures. */
  readonly notes?: Readonly<Record<string, number>>;
}

export interface Circumstances {
  readonly date: string;
  readonly commit: string;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly fileSystem: string;
  readonly corpusRevision: number;
}

const TMPFS_MAGIC = 0x0102_1994;
const EXT_MAGIC = 0xef53;

/** What else decides about the numbers. `directory` is where repositories and targets are. */
export function circumstances(directory: string, corpusRevision: number): Circumstances {
  const { type } = statfsSync(directory);
  return {
    date: new Date().toISOString(),
    commit: commit(),
    node: process.version,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    fileSystem: type === TMPFS_MAGIC ? 'tmpfs' : type === EXT_MAGIC ? 'ext4' : `0x${type.toString(16)}`,
    corpusRevision,
  };
}

function git(...args: string[]): string {
  return execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).trim();
}

/** `+changes`: what ran is not what this commit holds. */
function commit(): string {
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', '../src') !== '';
    return `${git('rev-parse', '--short=12', 'HEAD')}${changed ? '+changes' : ''}`;
  } catch {
    return 'unknown';
  }
}

/** Appends one line and returns the file's path. */
export function appendHistory(row: RowResult, about: Circumstances): string {
  const directory = new URL('./history/', import.meta.url);
  mkdirSync(directory, { recursive: true });
  const cpu = about.cpu
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/gu, '-')
    .replaceAll(/^-|-$/gu, '');
  const file = fileURLToPath(new URL(`${about.cores}-core-${cpu}.jsonl`, directory));
  appendFileSync(file, `${JSON.stringify({ ...about, ...row })}\n`);
  return file;
}
