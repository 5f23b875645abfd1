// How what is written into a vault is packed: options of the commands that bring data into one.
import { type Command, Option } from 'commander';
import { CairnError } from '../base/errors.ts';
import { parseSizeArgument } from './global-options.ts';

const compressionLevels = ['off', 'fastest', 'auto', 'better', 'max'] as const;
type Level = (typeof compressionLevels)[number];

export interface PackFlags {
  readonly compression: Level;
  readonly packSize?: number;
  readonly verifyWrites?: boolean;
}

export function addPackOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--compression <level>', 'how hard to compress (env CAIRN_COMPRESSION, RESTIC_COMPRESSION)')
        .choices(compressionLevels)
        .default('auto'),
    )
    .addOption(
      new Option('--pack-size <size>', 'size of the files in the vault, 4M to 128M').argParser(parseSizeArgument),
    )
    .option(
      '--verify-writes',
      'open and hash everything again before it is stored (default: where the vault is remote, since the processor waits for the line there)',
    )
    .option('--no-verify-writes', 'do not');
}

/** The flag, or what the environment says. Throws `USAGE`. */
export function compressionOf(env: NodeJS.ProcessEnv, { compression }: PackFlags): Level {
  const wanted = env['CAIRN_COMPRESSION'] ?? env['RESTIC_COMPRESSION'];
  if (compression !== 'auto' || wanted === undefined || wanted === '') return compression;
  const level = compressionLevels.find((name) => name === wanted);
  if (level !== undefined) return level;
  const known = compressionLevels.join(', ');
  throw new CairnError('USAGE', `the compression ${JSON.stringify(wanted)} of the environment is none of ${known}`, {
    hint: 'Correct CAIRN_COMPRESSION or RESTIC_COMPRESSION, or give --compression.',
  });
}

const MIB = 1024 * 1024;

/** Throws `USAGE`. */
export function packSizeOf({ packSize }: PackFlags): number | undefined {
  if (packSize !== undefined && (packSize < 4 * MIB || packSize > 128 * MIB)) {
    throw new CairnError('USAGE', '--pack-size is from 4M to 128M', { hint: 'The default is 16M.' });
  }
  return packSize;
}
