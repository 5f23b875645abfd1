// What `rewrite` and `repair snapshots` show and ask.
import type { RewriteResult } from '../vault/care/rewrite-snapshots.ts';
import type { CliContext } from './context.ts';
import { plural } from './output/format.ts';
import { describeRewrite } from './output/rewrite-report.ts';

/** Old versions that go are shown and asked for; new ones beside them need no question. */
export async function confirmReplacing(cli: CliContext, plan: RewriteResult, forget: boolean): Promise<void> {
  if (!forget) return;
  const count = plan.changes.filter(({ outcome }) => outcome === 'rewritten').length;
  cli.info(describeRewrite(plan, cli.options.verbose > 0).trimEnd());
  const consequence = `${plural(count, 'backup')} would be replaced by ${count === 1 ? 'a version' : 'versions'} without that`;
  await cli.confirm(`${consequence}. Go on?`, consequence);
}

/** The result of a rewrite or of a repair of backups. */
export async function printRewrite(cli: CliContext, result: RewriteResult, dryRun: boolean): Promise<void> {
  if (cli.options.json) {
    await cli.out.json({ schema: 1, dryRun, ...result });
    return;
  }
  const count = result.changes.filter(({ outcome }) => outcome === 'rewritten').length;
  await cli.out.write(
    `${describeRewrite(result, cli.options.verbose > 0)}${dryRun ? 'would write' : 'wrote'} ${plural(count, 'backup')} again\n`,
  );
}
