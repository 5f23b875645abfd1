import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { errorCodes } from '../base/error-codes.ts';
import { CairnError } from '../base/errors.ts';
import { recordKeys } from '../base/record-keys.ts';
import { describeExitCodes, exitCodeOf, exitCodeOfError, exitMeanings } from './exit-codes.ts';

const errorsDoc = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

describe('exit codes', () => {
  it.each(errorCodes)('%s has an exit code', (code) => {
    expect(exitCodeOf(code)).toBeGreaterThan(0);
  });

  it.each(errorCodes)('%s has a heading in docs/errors.md that says its exit code', (code) => {
    const section = errorsDoc.split('\n### ').find((text) => text.startsWith(`${code}\n`));
    expect(section).toContain(`Exit code ${exitCodeOf(code)}.`);
  });

  it('documents each error once, and none that does not exist', () => {
    const documented = [...errorsDoc.matchAll(/^### (\w+)$/gm)].map((match) => String(match[1]));
    expect(documented.toSorted()).toEqual(errorCodes.toSorted());
  });

  it('gives each meaning its own number', () => {
    const numbers = Object.values(exitMeanings).map(({ code }) => code);
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  it("keeps restic's numbers", () => {
    expect([
      exitCodeOf('BACKUP_PARTIAL'),
      exitCodeOf('VAULT_MISSING'),
      exitCodeOf('VAULT_LOCKED'),
      exitCodeOf('PASSWORD_WRONG'),
      exitCodeOf('ABORTED'),
    ]).toEqual([3, 10, 11, 12, 130]);
  });

  it('takes an unknown error for a plain failure', () => {
    expect(exitCodeOfError(new Error('surprise'))).toBe(1);
    expect(exitCodeOfError(new CairnError('TARGET_FULL', 'full'))).toBe(13);
  });

  it('describes a code once that a command names for itself and with others', () => {
    expect(describeExitCodes(['damaged', 'ok', 'damaged']).match(/damaged or missing/g)).toHaveLength(1);
  });

  it('describes the codes in ascending order', () => {
    const names = recordKeys(exitMeanings);
    const numbers = [...describeExitCodes(names.toReversed()).matchAll(/^ +(\d+) {2}/gm)].map((match) =>
      Number(match[1]),
    );
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  });
});
