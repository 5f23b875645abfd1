import type { Progress } from '../../base/job.ts';
import { displayWidth, shortenMiddle } from './display-width.ts';
import { formatBytes, formatCount, formatDuration, plural } from './format.ts';
import { printable } from './printable.ts';

/** How far a job is, from 0 to 1, or `undefined` while its size is not known. */
function fractionDone(progress: Progress): number | undefined {
  const [done, total] =
    progress.bytes !== undefined && progress.totalBytes !== undefined && progress.totalBytes > 0
      ? [progress.bytes, progress.totalBytes]
      : [progress.completed, progress.total];
  if (total === undefined || total <= 0) return undefined;
  return Math.min(1, done / total);
}

/** The facts of a status line in the order of their worth, without the current file. */
function progressFacts(progress: Progress): string[] {
  const facts: string[] = [progress.phase];
  const fraction = fractionDone(progress);
  if (fraction !== undefined) facts.push(`${(Math.floor(fraction * 1000) / 10).toFixed(1)}%`);
  if (progress.bytes !== undefined) {
    const total = progress.totalBytes === undefined ? '' : ` / ${formatBytes(progress.totalBytes)}`;
    facts.push(`${formatBytes(progress.bytes)}${total}`);
  } else if (progress.unit !== 'bytes') {
    const total = progress.total === undefined ? '' : ` / ${formatCount(progress.total)}`;
    facts.push(`${formatCount(progress.completed)}${total} ${progress.unit}`);
  }
  if (progress.files !== undefined) {
    const total = progress.totalFiles === undefined ? '' : ` / ${formatCount(progress.totalFiles)}`;
    facts.push(`${formatCount(progress.files)}${total} files`);
  }
  if (progress.rate !== undefined) facts.push(`${formatBytes(progress.rate)}/s`);
  if (progress.etaMs !== undefined) facts.push(`ETA ${formatDuration(progress.etaMs)}`);
  if (progress.errors > 0) facts.push(plural(progress.errors, 'error'));
  return facts;
}

/** One line of a log: everything that is known, at any width. */
export function progressLogLine(progress: Progress, elapsedMs: number): string {
  const facts = [`[${formatDuration(elapsedMs)}]`, ...progressFacts(progress)];
  if (progress.description !== '') facts.push(printable(progress.description));
  return facts.join('  ');
}

const BAR_CELLS = 20;

/** The status line of a terminal, at most `width` cells: a bar where there is room, facts, the current file. */
export function progressBarLine(progress: Progress, width: number, { unicode }: { readonly unicode: boolean }): string {
  const facts = progressFacts(progress).join('  ');
  const fraction = fractionDone(progress);
  const factCells = displayWidth(facts);
  const bar = fraction !== undefined && factCells + BAR_CELLS + 3 <= width ? `${drawBar(fraction, unicode)} ` : '';
  const line = bar + (factCells > width ? shortenMiddle(facts, width) : facts);
  const room = width - displayWidth(line) - 2;
  if (progress.description === '' || room < 8) return line;
  return `${line}  ${shortenMiddle(printable(progress.description), room)}`;
}

function drawBar(fraction: number, unicode: boolean): string {
  const filled = Math.round(fraction * BAR_CELLS);
  const [full, empty] = unicode ? ['█', '░'] : ['#', '-'];
  return `${unicode ? '' : '['}${full.repeat(filled)}${empty.repeat(BAR_CELLS - filled)}${unicode ? '' : ']'}`;
}
