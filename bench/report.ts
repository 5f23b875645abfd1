// What the bench prints, and the arithmetic behind it.
import type { RowResult, ToolResult } from './history.ts';
import type { Cost } from './measure.ts';

/** NaN for no values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** What the runs of one tool come to, to the millisecond. */
export function summarise(costs: readonly Cost[], version: string): ToolResult {
  const wallSeconds = costs.map((cost) => Number(cost.wallSeconds.toFixed(3)));
  return {
    version,
    wallSeconds,
    medianWallSeconds: median(wallSeconds),
    medianCpuSeconds: Number(median(costs.map((cost) => cost.cpuSeconds)).toFixed(3)),
    peakRssBytes: Math.max(...costs.map((cost) => cost.peakRssBytes)),
  };
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

/** One table per row: the subject first, then its peers with how many times slower each is. */
export function renderRow({ corpus, row, files, sizeBytes, subject, tools, ratios }: RowResult): string {
  const lines = [`${corpus}: ${row} (${files} files, ${megabytes(sizeBytes)})`];
  for (const [name, tool] of Object.entries(tools)) {
    const cells = [
      name.padEnd(14),
      `${tool.medianWallSeconds.toFixed(2)} s`.padStart(9),
      `${(sizeBytes / 1e6 / tool.medianWallSeconds).toFixed(0)} MB/s`.padStart(10),
      `cpu ${tool.medianCpuSeconds.toFixed(2)} s`.padStart(13),
      `rss ${megabytes(tool.peakRssBytes)}`.padStart(12),
      (tool.repositoryBytes === undefined ? '' : `repository ${megabytes(tool.repositoryBytes)}`).padStart(20),
    ];
    const ratio = ratios[name];
    if (ratio !== undefined) cells.push(`  ${subject} is ${ratio.toFixed(2)}× as fast`);
    cells.push(`  [${tool.wallSeconds.map((seconds) => seconds.toFixed(2)).join(' ')}]`);
    lines.push(`  ${cells.join(' ')}`);
  }
  return lines.join('\n');
}
