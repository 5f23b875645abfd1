// The real program, killed at random instants of a prune: no backup may suffer.
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { initRepository } from '../../src/repository/init-repository.ts';
import { openRepository } from '../../src/repository/open-repository.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { errorsIn, readAllSnapshots } from '../support/archive-fixture.ts';
import { endOf, startProgram, succeed } from '../support/killed-program.ts';
import { peersMissing } from '../support/peers.ts';
import { RESTIC_PASSWORD, runRestic } from '../support/restic.ts';

const KILLS = Number(process.env['CAIRN_CRASH_ROUNDS'] ?? 10);
const NEWEST = 'restic-newest';
const password = new Secret(RESTIC_PASSWORD);

let scratch: string;
let source: string;

beforeAll(() => {
  scratch = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-prune-kill-')));
  source = join(scratch, 'source');
  fs.mkdirSync(join(source, 'sub'), { recursive: true });
  for (let file = 0; file < 60; file++) change(file);
});
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

function change(file: number): void {
  const folder = file % 2 === 0 ? source : join(source, 'sub');
  fs.writeFileSync(join(folder, `f${file}`), randomBytes(20_000 + ((file * 7919) % 400_000)));
}

async function makeVault(name: string): Promise<string> {
  const path = join(scratch, name);
  await using _made = await initRepository(openLocalStorage(path), {
    password,
    chunker: 'rabin',
    kdf: { N: 1024, r: 8, p: 1 },
  });
  return path;
}

const startCairn = (vault: string, ...args: readonly string[]): ChildProcess =>
  startProgram(['--vault', vault, '--yes', '--no-cache', ...args], {
    home: scratch,
    env: { CAIRN_PASSWORD: RESTIC_PASSWORD },
  });

async function expectWhole(vault: string): Promise<number> {
  await using repository = await openRepository(openLocalStorage(vault), { password });
  expect(await errorsIn(repository)).toEqual([]);
  return await readAllSnapshots(repository);
}

/** A vault in which half of two backups is dead. */
async function makePrunable(): Promise<string> {
  const vault = await makeVault('prunable');
  await succeed(startCairn(vault, 'backup', '--pack-size', '4M', '--name', 'old', source));
  for (let file = 0; file < 60; file += 3) change(file);
  await succeed(startCairn(vault, 'backup', '--pack-size', '4M', '--name', 'new', source));
  await succeed(startCairn(vault, 'delete', 'old'));
  return vault;
}

describe.skipIf(peersMissing(NEWEST))('a prune', () => {
  it(
    'killed at any instant harms no backup, and the next one ends its work',
    async () => {
      const base = await makePrunable();
      const args = ['prune', '--max-unused', '0', '--pack-size', '4M'];
      let tookMs = 0;
      let kills = 0;
      for (let round = -1; round <= KILLS; round++) {
        const vault = fs.mkdtempSync(join(scratch, 'round-'));
        fs.cpSync(base, vault, { recursive: true });
        // The first two are not killed: one has to compile what it runs, and the other tells how long it takes without that.
        // The start of the program takes a good part of it, and changes nothing.
        const killAfterMs = round <= 0 ? undefined : tookMs * (0.35 + Math.random() * 0.65);
        const run = await endOf(startCairn(vault, ...args), killAfterMs);
        // What came to its end tells anew: the machine may have been busy with something else before.
        if (run.end !== 'SIGKILL') tookMs = run.tookMs;
        if (run.end === 'SIGKILL') {
          kills++;
          expect(await expectWhole(vault)).toBe(1);
          await succeed(startCairn(vault, ...args));
        } else expect([run.end, run.output]).toEqual([0, run.output]);
        expect(await expectWhole(vault)).toBe(1);
        expect(runRestic(NEWEST, vault, ['check', '--read-data'])).toContain('no errors were found');
        expect(runRestic(NEWEST, vault, ['prune', '--dry-run', '--max-unused', '0', '-v'])).toMatch(
          /total prune: +0 blobs/u,
        );
        fs.rmSync(vault, { recursive: true });
      }
      expect(kills).toBeGreaterThan(0);
    },
    60_000 + KILLS * 20_000,
  );
});
