import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CairnError } from '../../base/errors.ts';
import type { Interviewer } from '../../config/config-interview.ts';
import type { CliContext } from '../context.ts';
import { makeConfig } from './init-config.ts';

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cairn-init-'));
  file = join(folder, 'cairn.yaml');
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

type World = Parameters<typeof makeConfig>[0];

const insist: CliContext['insist'] = () => {};

function world(): World {
  return { env: { HOME: folder }, signal: new AbortController().signal, insist };
}

/** Answers in order; a missing one is what Ctrl-C does. */
function answering(...answers: string[]): Interviewer {
  const next = (): string => {
    const answer = answers.shift();
    if (answer === undefined) throw new CairnError('ABORTED', 'the question was not answered; nothing was changed');
    return answer;
  };
  return {
    say: () => {},
    ask: async (_, current) => next() || (current ?? ''),
    askHidden: async () => next(),
    confirm: async () => next() === 'y',
  };
}

describe('config init', () => {
  it('B10: writes what was answered, for the owner only, with the password file it promised', async () => {
    await makeConfig(
      world(),
      answering('', './vault', 'file', join(folder, 'pw'), 'y', 'docs', '', '', 'y', '', '', '', ''),
      file,
    );
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toMatch(
      /vaults:\n {2}main:\n {4}url: .*\/vault\n {4}password:\n {6}file: .*\/pw\n/,
    );
    expect(statSync(join(folder, 'pw')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder, 'pw'), 'utf8').length).toBeGreaterThan(40);
  });

  it('B10: keeps other keys and comments', async () => {
    writeFileSync(file, '# mine\nvaults: { old: { url: ./old } } # far\n', { mode: 0o600 });
    await makeConfig(world(), answering('main', './vault', 'ask', ''), file);
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('# mine');
    expect(text).toContain('old: { url: ./old }');
    expect(text).toContain('# far');
    expect(text).toContain('/vault');
  });

  it('B10: writes nothing after a Ctrl-C, at whatever question', async () => {
    const answers = ['', './vault', 'file', join(folder, 'pw'), 'y', 'docs', '', '', 'y', '', '', ''];
    for (let count = 0; count < answers.length; count++) {
      const run = makeConfig(world(), answering(...answers.slice(0, count)), file);
      await expect(run).rejects.toMatchObject({ code: 'ABORTED' });
    }
    expect(existsSync(file) || existsSync(join(folder, 'pw'))).toBe(false);
  });

  it('B11: leaves a file alone that is not in order', async () => {
    writeFileSync(file, 'vaults: [', { mode: 0o600 });
    await expect(makeConfig(world(), answering(), file)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    writeFileSync(file, 'valts: {}\n', { mode: 0o600 });
    const run = makeConfig(world(), answering('', './vault', 'ask', ''), file);
    await expect(run).rejects.toThrow('did you mean vaults?');
    expect(readFileSync(file, 'utf8')).toBe('valts: {}\n');
  });
});
