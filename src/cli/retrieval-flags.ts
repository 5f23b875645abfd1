// What the commands that read packs of data have in common when some lie in cold storage.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { hasCode } from '../base/errors.ts';
import { Job, type Progress } from '../base/job.ts';
import type { RetrievalTier } from '../storage/storage.ts';
import type { RetrievalOptions, RetrievalSummary } from '../vault/actions/retrieve-packs.ts';
import type { CliContext } from './context.ts';
import { parsePositiveInteger } from './global-options.ts';
import { formatBytes, formatDuration, plural } from './output/format.ts';

export interface RetrievalFlags {
  readonly wait: boolean;
  readonly retrievalTier: RetrievalTier;
  readonly retrievalDays: number;
  readonly retrievalPrice?: number;
  readonly retrievalRequestPrice?: number;
}

export function addRetrievalOptions(command: Command): void {
  command
    .optionsGroup('What lies in cold storage:')
    .option('--wait', 'wait for what has to be retrieved; without it the command ends as pending', false)
    .addOption(
      new Option('--retrieval-tier <tier>', 'how urgent a retrieval is')
        .choices(['expedited', 'standard', 'bulk'])
        .default('standard'),
    )
    .addOption(
      new Option('--retrieval-days <n>', 'how long retrieved copies are kept')
        .argParser(parsePositiveInteger)
        .default(7),
    )
    .addOption(
      new Option('--retrieval-price <price>', 'what your provider takes for 10⁹ bytes, for the estimate').argParser(
        parsePrice,
      ),
    )
    .addOption(
      new Option('--retrieval-request-price <price>', 'what it takes for 1,000 requests').argParser(parsePrice),
    );
}

/** How to retrieve, with a question before anything that costs. */
export function retrievalOptions(cli: CliContext, flags: RetrievalFlags): RetrievalOptions {
  return {
    tier: flags.retrievalTier,
    days: flags.retrievalDays,
    prices: { perGb: flags.retrievalPrice, per1000Requests: flags.retrievalRequestPrice },
    wait: flags.wait,
    confirm: (retrieval) => {
      const consequence = describeRetrieval(retrieval, new Date());
      cli.detail(consequence);
      return cli.confirm(`${consequence}. Ask for them?`, consequence);
    },
  };
}

/** What, how much, how long, and at what price. */
export function describeRetrieval(retrieval: RetrievalSummary, now: Date): string {
  const { objects, coldObjects, coldBytes, retrievingObjects, tier, days, expectedBy, price } = retrieval;
  const parts = [
    `${coldObjects} of ${plural(objects, 'object')} needed (${formatBytes(coldBytes)}) must come from cold storage`,
  ];
  if (retrievingObjects > 0) parts.push(`${retrievingObjects} more are on their way`);
  parts.push(`${tier} retrieval, kept for ${plural(days, 'day')}`);
  if (expectedBy !== undefined)
    parts.push(`there in ${formatDuration(expectedBy.getTime() - now.getTime())} at the latest`);
  parts.push(price === undefined ? 'your provider charges for it' : `about ${price.toFixed(2)} by the prices you gave`);
  return parts.join('; ');
}

/** With `--json`, a command that ends as pending says so on stdout too: a script reads there what to wait for. */
export async function followRetrieval<T>(cli: CliContext, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    if (cli.options.json && hasCode(error, 'RETRIEVAL_PENDING')) {
      await cli.out.json({ schema: 1, status: 'pending', retrieval: error.facts });
    }
    throw error;
  }
}

/** Items that may have to come from cold storage first: how far that is shows until the first one is there. */
export async function* followItems<T>(
  cli: CliContext,
  open: (onProgress: (progress: Progress) => void) => AsyncIterable<T>,
): AsyncGenerator<T, void, undefined> {
  const { signal } = cli;
  const opened = new Job(
    async (job) => {
      const items = open((progress) => job.report(progress))[Symbol.asyncIterator]();
      return { items, first: await items.next() };
    },
    { signal },
  );
  const { items, first } = await cli.follow(opened);
  try {
    for (let next = first; next.done !== true; next = await items.next()) yield next.value;
  } finally {
    await items.return?.();
  }
}

function parsePrice(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number such as 0.0036.');
}
