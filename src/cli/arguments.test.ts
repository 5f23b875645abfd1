import { readdirSync, readFileSync } from 'node:fs';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { commandTable } from './command-table.ts';
import { parseReadData } from './commands/check.ts';
import { completionScript, type CommandWords, shells } from './completion-script.ts';
import { parseDuration } from '../base/duration-text.ts';
import { filtersOf } from './filter-options.ts';
import {
  addGlobalOptions,
  parseDurationMs,
  parseJobs,
  parsePositiveInteger,
  parseSizeArgument,
} from './global-options.ts';
import { wantedCommands } from './run.ts';

const names = (line: string): string[] => wantedCommands(line.split(' ')).map(({ name }) => name);

describe('which command is loaded', () => {
  it.each([
    ['backup /x', ['backup']],
    ['--vault /x list --json', ['list']],
    ['-q -v --vault=/x -j 2 show latest', ['show']],
    ['help restore', ['restore']],
    ['snapshots', ['list']],
    ['--json', []],
    ['nonsense', []],
    ['-- backup', []],
  ] as const)('%s', (line, wanted) => {
    expect(names(line)).toEqual(wanted);
  });

  it('is all of them for a completion script', () => {
    expect(names('completion bash')).toHaveLength(commandTable.length);
  });
});

/** Names of the options of a command and of all below it. */
const optionNames = (command: Command): string[] => [
  ...command.options.map((option) => option.attributeName()),
  ...command.commands.flatMap(optionNames),
];

it('gives no command an option that all commands have: it would be taken for that one, and never arrive', async () => {
  const program = new Command();
  addGlobalOptions(program);
  const all = new Set(optionNames(program));
  for (const entry of commandTable) {
    const command = new Command(entry.name);
    (await entry.load()).configure(command, async () => {});
    expect([entry.name, optionNames(command).filter((name) => all.has(name))]).toEqual([entry.name, []]);
  }
});

it('names no command in a message that does not exist', () => {
  const src = new URL('../', import.meta.url);
  const known = new Set(['help', ...commandTable.flatMap(({ name, aliases }) => [name, ...aliases])]);
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const named = files.flatMap((file) => [
    ...readFileSync(new URL(file, src), 'utf8').matchAll(/`cairn ([a-z]+)[^`$]*`/g),
  ]);
  const unknown = named.filter(([, command]) => !known.has(command!)).map(([text]) => text);
  expect(unknown).toEqual([]);
});

describe('values', () => {
  it.each([
    ['30s', 30_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['0', 0],
    ['', undefined],
    ['5', undefined],
    ['5 apples', undefined],
  ])('duration %j is %j', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each([
    ['4M', 4 * 1024 ** 2],
    ['1.5G', 1.5 * 1024 ** 3],
    ['10', 10],
    ['10b', 10],
    ['2KiB', 2048],
  ])('size %s is %d', (text, bytes) => {
    expect(parseSizeArgument(text)).toBe(bytes);
  });

  it.each(['', 'M', '-1', '1x', '1e3'])('size %j is refused', (text) => {
    expect(() => parseSizeArgument(text)).toThrow('size such as');
  });

  it('numbers and durations are refused with what they should be', () => {
    expect(() => parsePositiveInteger('0')).toThrow('at least 1');
    expect(parseJobs('256')).toBe(256);
    expect(() => parseJobs('257')).toThrow('from 1 to 256');
    expect(() => parseDurationMs('soon')).toThrow('such as');
  });

  it.each([
    [undefined, 'none'],
    [true, 'all'],
    ['100%', 'all'],
    ['5%', { percent: 5 }],
    ['1/20', { part: 1, of: 20 }],
    ['256/256', { part: 256, of: 256 }],
    ['2M', { bytes: 2 * 1024 ** 2 }],
  ] as const)('--read-data=%s', (text, wanted) => {
    expect(parseReadData(text)).toEqual(wanted);
  });

  it.each(['0%', '101%', '1/0', 'some'])('--read-data=%s is refused', (text) => {
    expect(() => parseReadData(text)).toThrow('no part of the data');
  });
});

describe('filters', () => {
  it('a list of tags needs all of them, and the option again is another choice', () => {
    expect(filtersOf({ tag: ['a,b', 'c'] }).map(({ tags }) => tags)).toEqual([{ all: ['a', 'b'] }, { all: ['c'] }]);
  });

  it('without tags there is one filter', () => {
    expect(filtersOf({ name: 'x' })).toHaveLength(1);
  });
});

describe('completion', () => {
  const words: CommandWords = {
    name: 'cairn',
    summary: '',
    options: [{ names: ['--vault'], takesValue: true, choices: [], summary: "it's [here]" }],
    commands: [
      {
        name: 'key',
        summary: 'keys',
        options: [{ names: ['-f', '--format'], takesValue: true, choices: ['tar', 'zip'], summary: 'kind' }],
        commands: [{ name: 'add', summary: 'add one', options: [], commands: [] }],
      },
    ],
  };

  it.each(shells)('%s knows commands, nested commands, options and choices', (shell) => {
    const script = completionScript(shell, words);
    const wanted =
      shell === 'powershell' ? ['key', 'add', 'vault', 'format'] : ['key', 'add', 'vault', 'format', 'tar'];
    for (const word of wanted) expect(script).toContain(word);
  });
});
