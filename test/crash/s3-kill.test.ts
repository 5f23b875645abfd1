// The real program, killed at every request of a backup to a bucket: what was finished stays whole, and the next run ends the work.
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { initVault, openVault } from '../../src/vault/open-vault.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { endOf, startProgram } from '../support/killed-program.ts';
import { type S3Double, startS3Double } from '../support/s3-double.ts';

const PASSWORD = 'random enough';
const MOST_REQUESTS = 60;

let double: S3Double;
let scratch: string;
let url: string;

beforeEach(async () => {
  double = await startS3Double();
  scratch = await mkdtemp(join(tmpdir(), 'cairn-s3-kill-'));
  url = `s3://bucket/vault?endpoint=${double.endpoint}`;
  for (const [name, value] of Object.entries(double.environment)) vi.stubEnv(name, value);
  await mkdir(join(scratch, 'source'));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await double[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

const open = (): Promise<Vault> => openVault(url, { password: PASSWORD, cache: false, jobs: 1 });

/** Backs up with the program, which is killed when it makes its request number `killAt`. True if it ended by itself. */
async function backUp(killAt: number): Promise<boolean> {
  const args = ['--vault', url, '--no-cache', '--jobs', '1', 'backup', '-q', join(scratch, 'source')];
  const child = startProgram(args, { home: scratch, env: { CAIRN_PASSWORD: PASSWORD, ...double.environment } });
  let requests = 0;
  double.takeover = () => {
    // Odd ones are lost with the program, even ones are carried out though nobody hears of it.
    if (++requests < killAt) return false;
    child.kill('SIGKILL');
    return killAt % 2 === 1;
  };
  const { end, output } = await endOf(child);
  double.takeover = () => false;
  if (end !== 'SIGKILL' && end !== 0) throw new Error(`the program ended with ${end}: ${output}`);
  return end === 0;
}

it('leaves a vault in a bucket in which every finished backup is whole, whatever request was the last', async () => {
  const source = join(scratch, 'source');
  await writeFile(join(source, 'first'), randomBytes(20_000));
  {
    await using vault = await initVault(url, { password: PASSWORD, generatedKey: true, cache: false, jobs: 1 });
    await vault.backup(source);
  }
  const before = Array.from(double.objects);
  await writeFile(join(source, 'second'), randomBytes(20_000));
  let killAt = 0;
  for (let ended = false; !ended;) {
    expect(++killAt).toBeLessThan(MOST_REQUESTS);
    double.objects.clear();
    for (const [key, object] of before) double.objects.set(key, object);
    ended = await backUp(killAt);
    await using vault = await open();
    expect(await vault.check({ readData: 'all' })).toMatchObject({ isGood: true });
    const left = (await Array.fromAsync(vault.list())).length;
    expect(left).toBeGreaterThanOrEqual(1);
    await vault.backup(source);
    expect(await vault.check({ readData: 'all' })).toMatchObject({ isGood: true });
    expect(await Array.fromAsync(vault.list())).toHaveLength(left + 1);
  }
  expect(killAt).toBeGreaterThan(10);
});
