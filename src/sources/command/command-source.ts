import path from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Source, StreamMetadata } from '../../archiver/source.ts';
import { singleStreamSource } from '../single-stream-source.ts';
import { runCommand } from './run-command.ts';
import type { RunCommandOptions } from './run-command.ts';

export interface CommandSourceOptions extends RunCommandOptions {
  /** Path of the file in the snapshot. Default: the base name of the command. */
  readonly filename?: string;
  /** Where it is known: an archive then needs no temporary file. Other sizes throw `SOURCE_CHANGED`, and nothing is saved. */
  readonly sizeBytes?: number | undefined;
  readonly metadata?: StreamMetadata;
  readonly clock?: Clock;
}

/**
 * A source of one file: what a command writes to standard output. The stream throws `COMMAND_FAILED` when the
 * command cannot start or does not exit with status 0, so that no snapshot of a cut dump is written.
 */
export function openCommandSource(options: CommandSourceOptions): Source {
  const { filename = path.basename(options.command), sizeBytes, metadata, clock } = options;
  return singleStreamSource({ filename, sizeBytes, metadata, clock, open: (signal) => runCommand(options, signal) });
}
