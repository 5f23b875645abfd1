// The real program, killed at random instants while it makes or deletes archives: what is listed is whole, and the next run
// leaves nothing else behind.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listShelf } from '../../src/archives/shelf/shelf-listing.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { quickVault } from '../support/quick-vault.ts';

const ROUNDS = Number(process.env['CAIRN_CRASH_ROUNDS'] ?? 8);
const TIMEOUT_MS = 60_000 + ROUNDS * 30_000;
const program = join(import.meta.dirname, '../../src/cli/main.ts');

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

interface Run {
  readonly end: number | NodeJS.Signals | null;
  readonly output: string;
  readonly tookMs: number;
}

async function cairn(args: readonly string[], killAfterMs?: number): Promise<Run> {
  const started = performance.now();
  const child = spawn(process.execPath, [program, '--vault', folder, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', HOME: scratch, CAIRN_PASSWORD: 'pw' },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  return { end: code ?? signal, output, tookMs: performance.now() - started };
}

describe('killed at any instant', () => {
  it(
    'an archive that is made is whole or not listed, and the next run leaves nothing of it',
    async () => {
      const storage = openLocalStorage(folder, { durable: false });
      await using vault = await quickVault(storage, 'pw');
      const archive = ['archive', source, '--recipient', recipient];
      let tookMs = 0;
      let killed = 0;
      for (let round = 0; round <= ROUNDS; round++) {
        // The start of the program takes a good part of it, and changes nothing.
        const run = await cairn(archive, round === 0 ? undefined : tookMs * (0.3 + Math.random() * 0.7));
        if (round === 0) tookMs = run.tookMs;
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
