import { describe, expect, it } from 'vitest';
import { CairnArgumentError, CairnError, hasCode, isCairnError, systemCode } from './errors.ts';

interface Copy {
  readonly CairnError: typeof CairnError;
  readonly CairnArgumentError: typeof CairnArgumentError;
}

class SpecialError extends CairnError {}

/** A plugin that was installed elsewhere brings such a copy. */
async function anotherCopy(): Promise<Copy> {
  // Another query is another module.
  const url = new URL('./errors.ts?copy', import.meta.url).href;
  return (await import(/* @vite-ignore */ url)) as Copy;
}

describe('errors of another copy of the library', () => {
  it('are known by their class and their code', async () => {
    const copy = await anotherCopy();
    expect(copy.CairnError).not.toBe(CairnError);
    const error = new copy.CairnError('OBJECT_MISSING', 'gone');
    expect(error instanceof CairnError).toBe(true);
    expect(hasCode(error, 'OBJECT_MISSING')).toBe(true);
    expect(new copy.CairnArgumentError('wrong') instanceof CairnArgumentError).toBe(true);
  });

  it('are not taken for what they are not', () => {
    expect(isCairnError(new Error('plain'))).toBe(false);
    expect(isCairnError({ code: 'OBJECT_MISSING' })).toBe(false);
    expect(new CairnArgumentError('wrong') instanceof CairnError).toBe(false);
    expect(new CairnError('INTERNAL', 'x') instanceof SpecialError).toBe(false);
    expect(new SpecialError('INTERNAL', 'x') instanceof SpecialError).toBe(true);
    expect(new SpecialError('INTERNAL', 'x') instanceof CairnError).toBe(true);
  });
});

describe('the code of the operating system', () => {
  it('is there in what a system call threw, and not in errors of ours or of Node', () => {
    expect(systemCode(Object.assign(new Error('no space'), { code: 'ENOSPC' }))).toBe('ENOSPC');
    expect(systemCode(new CairnError('BLOB_MISSING', 'it is gone'))).toBeUndefined();
    expect(systemCode(new CairnArgumentError('not like that'))).toBeUndefined();
    expect(systemCode(Object.assign(new TypeError('no'), { code: 'ERR_INVALID_ARG_TYPE' }))).toBeUndefined();
  });
});
