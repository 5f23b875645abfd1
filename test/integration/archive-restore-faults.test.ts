// Every read of a restore, gone wrong: a file comes back as it was, or is named and not there.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isCairnError } from '../../src/base/errors.ts';
import type { Repository } from '../../src/repository/repository.ts';
import type { Snapshot } from '../../src/formats/snapshot/snapshot.ts';
import type { RestoreResult } from '../../src/restorer/restore-options.ts';
import { restore } from '../../src/restorer/restore.ts';
import { faulty, type FaultEffect, type FaultyStorage } from '../../src/storage/layers/faulty.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { backUpFolder } from '../support/archive-fixture.ts';
import { makeRepository, withOrigin } from '../support/repository-fixture.ts';

const files: Readonly<Record<string, Uint8Array>> = {
  'a/noise': randomBytes(300_000),
  'a/text': Buffer.from('the same line again\n'.repeat(9000)),
  'b/c/noise': randomBytes(2_500_000),
  'b/empty': new Uint8Array(0),
  small: Buffer.from('x'),
};

let root: string;
let base: { readonly storage: Storage; readonly repository: Repository; readonly snapshot: Snapshot };

beforeAll(async () => {
  root = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-restore-faults-')));
  const source = join(root, 'source');
  for (const [name, bytes] of Object.entries(files)) {
    fs.mkdirSync(join(source, name, '..'), { recursive: true });
    fs.writeFileSync(join(source, name), bytes);
  }
  const { storage, repository } = await makeRepository();
  const { snapshot } = await backUpFolder(repository, source, { packSizeBytes: 500_000 });
  base = { storage, repository, snapshot };
});
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

interface Trial {
  readonly storage: FaultyStorage;
  readonly target: string;
  readonly run: () => Promise<RestoreResult>;
}

function newTrial(): Trial {
  const storage = faulty(base.storage);
  const target = fs.mkdtempSync(join(root, 'target-'));
  const repository = withOrigin(base.repository, storage);
  return {
    storage,
    target,
    run: () => restore(repository, { snapshot: base.snapshot, target, overwrite: 'always', jobs: 1 }),
  };
}

/** `undefined`: it ended with an error of ours. */
async function outcome({ run }: Trial): Promise<RestoreResult | undefined> {
  try {
    return await run();
  } catch (error) {
    if (!isCairnError(error)) throw error;
    return undefined;
  }
}

function expectNothingWrong({ target }: Trial, result: RestoreResult | undefined): void {
  const told = result?.problems.map(({ path }) => path) ?? [];
  for (const [name, bytes] of Object.entries(files)) {
    const path = join(target, name);
    const isTold = result === undefined || told.some((one) => `/${name}`.startsWith(one) || one.endsWith(name));
    if (isTold) expect(result?.status).not.toBe('complete');
    // Stopped by an error, some files are whole and the others are not there.
    if (!isTold || fs.existsSync(path)) expect(fs.readFileSync(path).equals(bytes)).toBe(true);
  }
}

const effects: readonly FaultEffect[] = [{ how: 'fail' }, { how: 'truncate-read' }, { how: 'flip-bit' }];

describe('a restore from a storage that fails', () => {
  describe.each(effects)('with $how', (effect) => {
    it.each(['at', 'from'] as const)(
      '%s each operation in turn writes nothing wrong and says what is lost',
      async (when) => {
        const sample = newTrial();
        expect((await sample.run()).status).toBe('complete');
        const count = sample.storage.operations.length;
        expect(count).toBeGreaterThan(3);
        for (let number = 1; number <= count; number++) {
          const trial = newTrial();
          trial.storage.inject({ ...effect, [when]: number });
          expectNothingWrong(trial, await outcome(trial));
          trial.storage.heal();
          expect((await trial.run()).status).toBe('complete');
          expectNothingWrong(trial, await outcome(trial));
        }
      },
    );
  });
});
