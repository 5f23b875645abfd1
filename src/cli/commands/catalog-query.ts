import { type Command, InvalidArgumentError } from 'commander';
import { existsSync } from 'node:fs';
import { CairnError } from '../../base/errors.ts';
import { catalogFile } from '../user-places.ts';
import type { QueryTable, QueryValue } from '../../catalog/query/query-message.ts';
import { QueryProcess } from '../../catalog/query/query-process.ts';
import type { StartCommand } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { collect, parseDurationMs, parsePositiveInteger } from '../global-options.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { writeCsv } from '../output/csv.ts';
import { printable } from '../output/printable.ts';
import { renderTable } from '../output/table.ts';

interface QueryFlags {
  readonly param?: readonly string[];
  readonly csv: boolean;
  readonly sync: boolean;
  readonly timeout?: number;
  readonly maxRows?: number;
}

export function addQueryCommand(command: Command, start: StartCommand): void {
  command
    .command('query')
    .description('run one SQL statement that reads, without opening any vault')
    .argument('<sql>', 'such as: select name, time from live_backups order by time desc', parseSql)
    .option('-p, --param <value>', 'the value for the next `?` of the statement; may be given again', collect)
    .option('--csv', 'print CSV (RFC 4180)', false)
    .option('--sync', 'first learn what is new in the vault', false)
    .option('--timeout <duration>', 'stop it after this time (default: 30s)', parseDurationMs)
    .option('--max-rows <n>', 'stop it after so many rows (default: 100000)', parsePositiveInteger)
    .action((sql: string, flags: QueryFlags) => start((cli) => query(cli, sql, flags)));
}

function parseSql(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('It must be a statement.');
  return text;
}

async function query(cli: CliContext, sql: string, flags: QueryFlags): Promise<void> {
  if (flags.sync) await syncFirst(cli);
  const file = catalogFile(cli.env);
  if (!existsSync(file)) throw noCatalogYet(file);
  await using queries = new QueryProcess(file);
  const { timeout: timeoutMs, maxRows, param = [] } = flags;
  const table = await queries.run(sql, param, { timeoutMs, maxRows, signal: cli.signal });
  if (cli.options.json) await cli.out.json(objectsOf(table));
  else if (flags.csv) await writeCsv((text) => cli.out.write(text), table.columns, rowsAsText(table));
  else await cli.out.write(render(cli, table));
}

async function syncFirst(cli: CliContext): Promise<void> {
  await using vault = await openCliVault(cli);
  await cli.follow(vault.catalog.sync({ signal: cli.signal }));
}

function noCatalogYet(file: string): CairnError {
  return new CairnError('CATALOG_UNAVAILABLE', `there is no catalog in ${file} yet`, {
    hint: 'The first backup makes it; `cairn catalog sync` makes it from a vault that has backups already.',
    facts: { file },
  });
}

/** Where two columns have one name, the later one stays: an object of JSON has room for one. */
function objectsOf({ columns, rows }: QueryTable): unknown[] {
  return rows.map((row) => Object.fromEntries(columns.map((column, at) => [column, plain(row[at] ?? null)])));
}

function plain(value: QueryValue): string | number | bigint | null {
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
}

function* rowsAsText({ rows }: QueryTable): Generator<readonly string[], void, undefined> {
  for (const row of rows) yield row.map(text);
}

function text(value: QueryValue): string {
  const shown = plain(value);
  return shown === null ? '' : String(shown);
}

function render({ options, style }: CliContext, { columns, rows }: QueryTable): string {
  const isNumber = (at: number): boolean =>
    rows.every((row) => row[at] === null || typeof row[at] === 'number' || typeof row[at] === 'bigint');
  const table = renderTable(
    columns.map((title, at) => ({ title: printable(title), align: isNumber(at) ? ('right' as const) : 'left' })),
    rows.map((row) => row.map((value) => printable(text(value)))),
  );
  const [head = '', ...body] = table.split('\n');
  const count = rows.length === 1 ? '1 row' : `${rows.length} rows`;
  return `${style('bold', head)}\n${body.join('\n')}${options.quiet ? '' : `${style('dim', count)}\n`}`;
}
