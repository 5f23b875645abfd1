import type { Command } from 'commander';
import type { ArchiveCodec } from '../archives/codec.ts';
import { CairnError } from '../base/errors.ts';

export interface CodecFlags {
  readonly gzip: boolean;
  /** `false` for `--no-compress`. */
  readonly compress: boolean;
}

export function addCodecOptions(command: Command): Command {
  return command
    .option('--gzip', 'compress with gzip, for machines without zstd', false)
    .option('--no-compress', 'do not compress');
}

/** Throws `USAGE`. */
export function codecFrom({ gzip, compress }: CodecFlags): ArchiveCodec {
  if (gzip && !compress) throw new CairnError('USAGE', '--gzip and --no-compress exclude each other');
  if (!compress) return 'none';
  return gzip ? 'gzip' : 'zstd';
}
