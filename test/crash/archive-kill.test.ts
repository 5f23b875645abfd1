// The real program, killed at random instants while it makes or deletes archives: what is listed is whole, and the next run
// leaves nothing else behind.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listShelf } from '../../src/archives/shelf/shelf-listing.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { endOf, type ProgramRun, startProgram } from '../support/killed-program.ts';
import { quickVault } from '../support/quick-vault.ts';

const ROUNDS = Number(process.env['CAIRN_CRASH_ROUNDS'] ?? 8);
const TIMEOUT_MS = 60_000 + ROUNDS * 30_000;

let scratch: string;
let source: string;
let folder: string;
let recipient: string;

beforeAll(async () => {
  scratch = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-archive-kill-')));
  [source, folder] = [join(scratch, 'source'), join(scratch, 'vault')];
  fs.mkdirSync(source);
  for (let file = 0; file < 12; file++) fs.writeFileSync(join(source, `f${file}`), randomBytes(8_000_000));
  recipient = await identityToRecipient(await generateX25519Identity());
});
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

const cairn = (args: readonly string[], killAfterMs?: number): Promise<ProgramRun> =>
  endOf(startProgram(['--vault', folder, ...args], { home: scratch, env: { CAIRN_PASSWORD: 'pw' } }), killAfterMs);

describe('killed at any instant', () => {
  it(
    'an archive that is made is whole or not listed, and the next run leaves nothing of it',
    async () => {
      const storage = openLocalStorage(folder, { durable: false });
      await using vault = await quickVault(storage, 'pw');
      const archive = ['archive', source, '--recipient', recipient];
      let tookMs = 0;
      let killed = 0;
      for (let round = -1; round <= ROUNDS; round++) {
        // The first two are not killed: one has to compile what it runs, and the other tells how long it takes without that.
        // The start of the program takes a good part of it, and changes nothing.
        const run = await cairn(archive, round <= 0 ? undefined : tookMs * (0.3 + Math.random() * 0.7));
        if (run.end !== 'SIGKILL') tookMs = run.tookMs;
        if (run.end === 'SIGKILL') killed++;
        else if (run.end !== 0) throw new Error(`it ended with ${run.end}: ${run.output}`);
        // Hashes everything that is listed, and names what is left of the killed run.
        const { isGood, findings } = await vault.check({ readData: 'all' });
        expect({ isGood, findings }).toMatchObject({ isGood: true });
        const next = await cairn(archive);
        if (next.end !== 0) throw new Error(`the next run ended with ${next.end}: ${next.output}`);
        const left = (await listShelf(storage)).filter(({ hasMarker, hasSidecar }) => hasMarker || !hasSidecar);
        expect(left).toEqual([]);
        for await (const { id } of vault.list()) await vault.delete([id]);
        expect(
          fs.readdirSync(join(folder, 'archives'), { recursive: true }).filter((name) => /\.tar/u.test(String(name))),
        ).toEqual([]);
      }
      expect(killed).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});
