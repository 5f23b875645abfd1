import type { Command } from 'commander';
import { recordKeys } from '../base/record-keys.ts';
import { describeExitCodes, type ExitName, exitMeanings } from './exit-codes.ts';

/** Examples first: most people read help for a line to copy. */
export function addExamples(command: Command, examples: readonly (readonly [line: string, what: string])[]): void {
  const width = Math.max(...examples.map(([line]) => line.length));
  const rows = examples.map(([line, what]) => `  ${line.padEnd(width)}  # ${what}`);
  command.addHelpText('before', `Examples:\n${rows.join('\n')}\n`);
}

/** The exit codes that a command has beside those of every command. */
export function addExitCodes(command: Command, names: readonly ExitName[]): void {
  const always: readonly ExitName[] = ['ok', 'failed', 'usage', ...names, 'interrupted'];
  command.addHelpText('after', `\n${describeExitCodes(always)}`);
}

/** Exit codes of every command that opens a vault. */
export const vaultExits: readonly ExitName[] = ['noVault', 'locked', 'password', 'denied', 'unreachable', 'damaged'];

export function addProgramHelp(program: Command): void {
  addExamples(program, [
    ['cairn backup ~/documents', 'save a directory; a vault is made the first time'],
    ['cairn list', 'what is there'],
    ['cairn restore documents --to /tmp/out', 'bring the newest copy back'],
    ['cairn --vault /mnt/disk/vault init', 'make a vault somewhere else'],
  ]);
  const names = recordKeys(exitMeanings);
  program.addHelpText('after', `\n${describeExitCodes(names)}\n\nAll errors with their way out: docs/errors.md`);
}

/** Line breaks of the source are none of the help, which is as wide as the terminal. */
export function describeCommand(command: Command): string {
  return command.description().replaceAll('\n', ' ');
}
