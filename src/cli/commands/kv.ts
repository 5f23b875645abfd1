import { type Command, Option } from 'commander';
import type { CommandModule, StartCommand } from '../command-table.ts';
import { collect, parseDurationMs, parsePositiveInteger } from '../global-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { kvDelete, type KvDeleteFlags } from '../kv/kv-delete.ts';
import { kvGet, type KvGetFlags } from '../kv/kv-get.ts';
import { kvList, type KvListFlags } from '../kv/kv-list.ts';
import { kvSet, type KvSetFlags } from '../kv/kv-set.ts';
import { kvUrl, type KvUrlFlags } from '../kv/kv-url.ts';
import { addIdentityOption, addValuePasswordOptions } from '../kv/value-secrets.ts';

const HOUR_MS = 3_600_000;

export const kvCommand: CommandModule = {
  configure(command, start) {
    command.description(
      'Small values (JSON) under keys, beside the backups of a vault, with every version they had. They are compressed, and\n' +
        'encrypted only where you say so: the password of the vault does not protect them.',
    );
    addSet(command, start);
    addGet(command, start);
    addDelete(command, start);
    addList(command, start);
    addUrl(command, start);
    addExamples(command, [
      ['cairn kv set mykey \'{"some":"data"}\'', 'store a value'],
      ['cairn kv get mykey', 'print it'],
      [
        'pass show api | cairn kv set api-token - --text --encrypt',
        'a secret, which stays out of the list of processes',
      ],
      ['cairn kv get mykey --at 2026-11-19', 'as it was at the end of that day'],
      ['cairn kv url mykey --expires 60s', 'for somebody else to read, for a minute'],
    ]);
    addExitCodes(command, [
      ...vaultExits,
      'unknownRef',
      'confirmation',
      'readOnly',
      'unsupported',
      'source',
      'command',
    ]);
  },
};

function addSet(command: Command, start: StartCommand): void {
  const set = command
    .command('set')
    .description('store a value; what the key held before stays as an older version')
    .argument('<key>', 'any text of up to 200 characters')
    .argument('[value]', 'JSON; - reads it from standard input')
    .option('--file <file>', 'read the value from a file')
    .option('--text', 'the value is a text, not JSON', false)
    .option('--no-compress', 'store it without gzip')
    .option('--encrypt', 'encrypt it with a password of its own', false)
    .option('--recipient <key>', 'encrypt it to a public key of age (age1…); may be given again', collect)
    .option('--keep <n>', 'keep the newest n versions of the key (default: all)', parsePositiveInteger);
  addValuePasswordOptions(set).action((key: string, value: string | undefined, flags: KvSetFlags) =>
    start((cli) => kvSet(cli, key, value, flags)),
  );
}

function addGet(command: Command, start: StartCommand): void {
  const get = command
    .command('get')
    .description('print a value as JSON')
    .argument('<key>', 'the key')
    .option('--at <time>', 'the version that was the newest at this time')
    .option('--id <id>', 'this version, by its id as `kv list KEY` shows it')
    .option('--default <json>', 'what to print where there is no such value')
    .option('--raw', 'print a text as it is, without quotes', false);
  addIdentityOption(addValuePasswordOptions(get)).action((key: string, flags: KvGetFlags) =>
    start((cli) => kvGet(cli, key, flags)),
  );
}

function addDelete(command: Command, start: StartCommand): void {
  command
    .command('delete')
    .description('delete keys with all their versions')
    .argument('<key...>', 'the keys')
    .option('-n, --dry-run', 'show what would be deleted, and change nothing', false)
    .action((keys: readonly string[], flags: KvDeleteFlags) => start((cli) => kvDelete(cli, keys, flags)));
}

function addList(command: Command, start: StartCommand): void {
  command
    .command('list')
    .description('list the keys, or the versions of one; prints no values')
    .argument('[key]', 'list its versions, newest first')
    .option('--prefix <text>', 'only keys that begin with this')
    .action((key: string | undefined, flags: KvListFlags) => start((cli) => kvList(cli, key, flags)));
}

function addUrl(command: Command, start: StartCommand): void {
  command
    .command('url')
    .description('print a URL by which anybody can read a value for a while')
    .argument('<key>', 'the key')
    .addOption(
      new Option('--expires <duration>', 'how long it is good: up to 7d')
        .argParser(parseDurationMs)
        .default(HOUR_MS, '1h'),
    )
    .addOption(new Option('--method <method>', 'what it may be asked with').choices(['GET', 'HEAD']).default('GET'))
    .option('--base-url <url>', 'where `cairn serve --values` is reached (env CAIRN_VALUES_URL); S3 needs none')
    .option('--at <time>', 'of the version that was the newest at this time')
    .option('--no-check', 'make one also where there is no such value')
    .action((key: string, flags: KvUrlFlags) => start((cli) => kvUrl(cli, key, flags)));
}
