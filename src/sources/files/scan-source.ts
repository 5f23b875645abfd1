import fs from 'node:fs';
import { openPosix } from '../../base/posix/open-posix.ts';
import { bytesOf } from '../../base/bytes.ts';
import { AT_FDCWD, FileType, STAT_FIELDS, StatField } from '../../base/posix/posix.ts';
import type { Posix } from '../../base/posix/posix.ts';
import type { Source, SourceDirectory, SourceEntry } from '../../archiver/source.ts';

/** What a source holds. Streams count as files of unknown size, which is 0 here. */
export interface ScanResult {
  readonly files: number;
  readonly directories: number;
  readonly bytes: number;
}

export interface ScanOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called after each slice of work with the counts so far. */
  readonly onProgress?: (soFar: ScanResult) => void;
  readonly posix?: Posix;
}

const SLICE_MS = 8;

/**
 * Counts what a backup of `source` will read, for the estimate of its end. Works in slices of a few
 * milliseconds between which other work gets its turn. Problems are left to the backup itself to report.
 * Rejects with the abort reason.
 */
export async function scanSource(source: Source, options: ScanOptions = {}): Promise<ScanResult> {
  const posix = options.posix ?? openPosix();
  const counts = { files: 0, directories: 0, bytes: 0 };
  const pending: SourceDirectory[] = [source.root];
  let sliceEndsAt = performance.now() + SLICE_MS;
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    const leaves: Uint8Array[] = [];
    for (const entry of directory.list(() => {})) countEntry(entry, counts, pending, leaves);
    countLeaves(posix, directory.path, leaves, source.maxFileSize, counts);
    if (performance.now() > sliceEndsAt) {
      options.onProgress?.({ ...counts });
      await new Promise((resolve) => setImmediate(resolve));
      sliceEndsAt = performance.now() + SLICE_MS;
    }
    options.signal?.throwIfAborted();
  }
  return counts;
}

interface Counts {
  files: number;
  directories: number;
  bytes: number;
}

function countEntry(entry: SourceEntry, counts: Counts, pending: SourceDirectory[], leaves: Uint8Array[]): void {
  if (entry.kind === 'directory') {
    counts.directories++;
    pending.push(entry.directory);
  } else if (entry.kind === 'leaf') leaves.push(bytesOf(entry.key));
  else counts.files++;
}

function countLeaves(
  posix: Posix,
  path: Uint8Array | undefined,
  leaves: readonly Uint8Array[],
  maxFileSize: bigint | undefined,
  counts: Counts,
): void {
  if (path === undefined || leaves.length === 0) return;
  const fields = new BigInt64Array(STAT_FIELDS);
  try {
    const dirfd = posix.openat(AT_FDCWD, path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    try {
      for (const name of leaves) {
        if (!posix.statInto(dirfd, name, fields)) continue;
        const size = fields[StatField.sizeBytes] ?? 0n;
        const type = Number(fields[StatField.mode]) & FileType.mask;
        if (type === FileType.socket || (maxFileSize !== undefined && size > maxFileSize)) continue;
        counts.files++;
        if (type === FileType.regular) counts.bytes += Number(size);
      }
    } finally {
      posix.close(dirfd);
    }
  } catch {
    // The directory vanished or may not be read: the backup will say so.
  }
}
