import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseSize } from '../base/size-text.ts';
import { joinUrls } from '../storage/mirror/mirror-url.ts';
import { parseDuration } from '../base/duration-text.ts';

/** What the user said before any command is looked at. */
export interface GlobalOptions {
  readonly vault?: string;
  readonly config?: string;
  readonly profile?: string;
  readonly passwordFile?: string;
  readonly passwordCommand?: string;
  readonly insecureNoPassword: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: number;
  readonly color: boolean;
  readonly yes: boolean;
  readonly jobs?: number;
  /** `false` for `--no-lock`. */
  readonly lock: boolean;
  /** Milliseconds. */
  readonly retryLock?: number;
  /** `false` for `--no-cache`. */
  readonly cache: boolean;
  readonly cacheDir?: string;
  /** `false` for `--no-catalog`. */
  readonly catalog: boolean;
  /** KiB per second. */
  readonly limitUpload?: number;
  /** KiB per second. */
  readonly limitDownload?: number;
  readonly connections?: number;
  readonly mirrorCopies?: number;
  readonly readOnly: boolean;
  readonly appendOnly: boolean;
}

export function addGlobalOptions(program: Command): void {
  program
    .optionsGroup('Options of every command:')
    .option(
      '--vault <url>',
      'the vault: a folder, a URL, or a name of the configuration; a URL given again is a mirror of the first (env CAIRN_VAULT, RESTIC_REPOSITORY)',
      addVault,
    )
    .option(
      '--config <file>',
      'the configuration (env CAIRN_CONFIG; default: cairn.yaml here or above, then ~/.config/cairn)',
    )
    .option('--profile <name>', 'the profile of the configuration to use (env CAIRN_PROFILE)')
    .option('--password-file <file>', 'read the password from a file (env CAIRN_PASSWORD_FILE)')
    .option('--password-command <command>', 'run `sh -c COMMAND` for the password (env CAIRN_PASSWORD_COMMAND)')
    .option(
      '--insecure-no-password',
      'the vault has no password: anyone who can read its files can read every backup (insecure)',
      false,
    )
    .option('--json', 'print JSON on stdout, and an error as JSON on stderr', false)
    .option('-q, --quiet', 'print results, warnings and errors only', false)
    .option(
      '-v, --verbose',
      'name the vault, and the code of an error; twice: with its stack',
      (_: string, seen: number) => seen + 1,
      0,
    )
    .option('--no-color', 'print without colours (env NO_COLOR)')
    .option('-y, --yes', 'answer every confirmation with yes', false)
    .addOption(new Option('-j, --jobs <n>', 'worker threads (default: one per core)').argParser(parseJobs))
    .addOption(
      new Option('--retry-lock <duration>', 'wait up to this long for a lock, such as 5m').argParser(parseDurationMs),
    )
    .option('--no-lock', 'read without a lock in the vault')
    .option('--no-cache', 'keep no local copies of what a remote vault holds')
    .option('--no-catalog', 'leave the catalog of this machine alone (its file: env CAIRN_CATALOG)')
    .option('--cache-dir <dir>', 'where the local cache is (env CAIRN_CACHE_DIR, RESTIC_CACHE_DIR)')
    .addOption(
      new Option('--limit-upload <KiB/s>', 'send no faster than this to the vault').argParser(parsePositiveInteger),
    )
    .addOption(
      new Option('--limit-download <KiB/s>', 'fetch no faster than this from the vault').argParser(
        parsePositiveInteger,
      ),
    )
    .addOption(
      new Option('--connections <n>', 'requests to the vault at once (default: what suits it)').argParser(
        parsePositiveInteger,
      ),
    )
    .addOption(
      new Option('--mirror-copies <n>', 'fail unless so many storages of a mirror are in step').argParser(
        parsePositiveInteger,
      ),
    )
    .option('--read-only', 'write nothing to the vault, and read without a lock', false)
    .option('--append-only', 'remove and replace nothing in the vault but locks', false);
}

/** Names of the options that take a value in the next argument, so that a scan of argv can step over it. */
export const valueOptions: ReadonlySet<string> = new Set([
  '--vault',
  '--config',
  '--profile',
  '--password-file',
  '--password-command',
  '-j',
  '--jobs',
  '--retry-lock',
  '--cache-dir',
  '--limit-upload',
  '--limit-download',
  '--connections',
  '--mirror-copies',
]);

/** Several are a mirror; an empty one is refused where the vault is chosen. */
function addVault(url: string, before: string | undefined): string {
  return before === undefined || url === '' ? url : joinUrls([before, url]);
}

/** For `argParser`: a whole number of at least 1. */
export function parsePositiveInteger(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError('It must be a whole number of at least 1.');
  }
  return value;
}

/** Each thread takes some ten megabytes; thousands of them end the process before it can say anything. */
const MAX_JOBS = 256;

/** For `argParser`: a number of worker threads. */
export function parseJobs(text: string): number {
  const jobs = parsePositiveInteger(text);
  if (jobs > MAX_JOBS) throw new InvalidArgumentError(`It must be a whole number from 1 to ${MAX_JOBS}.`);
  return jobs;
}

/** For `argParser`: a duration such as `30s`, `5m`, `2h`, in milliseconds. */
export function parseDurationMs(text: string): number {
  const value = parseDuration(text);
  if (value === undefined) throw new InvalidArgumentError('It must be a duration such as 30s, 5m or 1h30m.');
  return value;
}

/** For `argParser`: a size as `parseSize` reads it, in bytes. */
export function parseSizeArgument(text: string): number {
  const refused = new InvalidArgumentError('It must be a size such as 512K, 100M or 1.5G.');
  try {
    const bytes = Number(parseSize(text));
    if (Number.isSafeInteger(bytes)) return bytes;
  } catch {
    throw refused;
  }
  throw refused;
}

/** For `argParser` of an option that may be given again: collects every value. */
export function collect(value: string, seen: readonly string[] | undefined): string[] {
  return [...(seen ?? []), value];
}
