import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ColdS3Proxy, startColdS3Proxy } from '../support/cold-s3-proxy.ts';
import { peersMissing } from '../support/peers.ts';
import { type S3Server, startRcloneS3 } from '../support/rclone-s3.ts';
import { type Ended, errorOf, Home } from './cairn-program.ts';

const HOUR_MS = 3_600_000;

// One story: its steps build on each other, as the days of a user do.
describe.skipIf(peersMissing('rclone'))('cairn on a bucket with a cold class', { timeout: 120_000 }, () => {
  let server: S3Server;
  let proxy: ColdS3Proxy;
  let home: Home;

  beforeAll(async () => {
    server = await startRcloneS3(['bucket']);
    proxy = await startColdS3Proxy(server.endpoint);
    home = await Home.make();
    await mkdir(home.file('documents', 'deep'), { recursive: true });
    await writeFile(home.file('documents', 'a.bin'), randomBytes(100_000));
    await writeFile(home.file('documents', 'deep', 'b.txt'), 'a text');
    const made = await cairn('init', '--cold-class', 'GLACIER');
    expect(made).toMatchObject({ exit: 0 });
    const saved = await cairn('backup', 'documents');
    expect(saved).toMatchObject({ exit: 0 });
  }, 120_000);

  afterAll(async () => {
    await home[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const cairn = (...args: readonly string[]): Promise<Ended> =>
    home.run([...args, '--vault', `s3://bucket/vault?endpoint=${proxy.endpoint}`], {
      env: { ...server.environment, CAIRN_PASSWORD: 'correct horse', NO_PROXY: '127.0.0.1' },
    });

  it('puts the pack of data there and nothing else', () => {
    expect(proxy.coldPaths).toEqual([expect.stringMatching(/^\/bucket\/vault\/data\//)]);
  });

  it('lists and finds without a retrieval', async () => {
    const listed = await cairn('ls', 'documents', '--no-cache');
    expect(listed.stdout).toContain('a.bin');
    expect((await cairn('find', '*.txt', '--no-cache')).stdout).toContain('b.txt');
    expect(proxy.retrievals).toEqual([]);
  });

  it('says what a file would need, and asks for nothing off a terminal: 19', async () => {
    const { exit, stdout, stderr } = await cairn('cat', 'documents', 'deep/b.txt');
    expect([exit, stdout, stderr]).toEqual([19, '', expect.stringContaining('must come from cold storage')]);
    expect(proxy.retrievals).toEqual([]);
  });

  it('asks for nothing off a terminal without --yes: 19', async () => {
    const { exit, stderr } = await cairn('restore', 'documents', '--to', 'out', '--retrieval-price', '10000');
    expect(exit).toBe(19);
    expect(stderr).toMatch(/1 of 1 object needed \(.*\) must come from cold storage; standard retrieval/);
    expect(stderr).toMatch(/there in .*at the latest; about \d+\.\d\d by the prices you gave/);
    expect(proxy.retrievals).toEqual([]);
  });

  it('says in a dry run what would be retrieved', async () => {
    const { exit, stdout } = await cairn('restore', 'documents', '--to', 'out', '--dry-run');
    expect([exit, stdout]).toEqual([0, expect.stringContaining('must come from cold storage')]);
    expect(proxy.retrievals).toEqual([]);
  });

  it('B32: asks, and ends as pending: 30', async () => {
    const ended = await cairn('restore', 'documents', '--to', 'out', '--yes', '--json', '--retrieval-days', '3');
    expect(ended.exit).toBe(30);
    expect(errorOf(ended)).toMatchObject({ code: 'RETRIEVAL_PENDING', exit: 30 });
    expect(JSON.parse(ended.stdout)).toMatchObject({
      schema: 1,
      status: 'pending',
      retrieval: { objects: 1, requestedObjects: 1, tier: 'standard', days: 3, expectedBy: expect.any(String) },
    });
    expect(proxy.retrievals).toEqual([expect.stringMatching(/^Standard 3 /)]);
  });

  it('B45: asks for nothing again while it is on its way: 30', async () => {
    proxy.pass(HOUR_MS);
    const { exit, stderr } = await cairn('restore', 'documents', '--to', 'out');
    expect([exit, stderr]).toEqual([30, expect.stringContaining('on their way')]);
    expect(proxy.retrievals).toHaveLength(1);
  });

  it('restores what was saved once it is there', async () => {
    proxy.pass(4 * HOUR_MS);
    expect(await cairn('restore', 'documents', '--to', 'out')).toMatchObject({ exit: 0 });
    execFileSync('diff', ['-r', home.file('documents'), home.file('out', 'documents')]);
    expect(await cairn('cat', 'documents', 'deep/b.txt')).toMatchObject({ exit: 0, stdout: 'a text' });
  });

  it('names a cold archive that a listing needs, and says on stdout what to wait for: 30', async () => {
    await cairn('archive', 'documents', '--name', 'archived', '--cold-class', 'GLACIER');
    const ended = await cairn('ls', 'archived', '--yes', '--json');
    expect(ended.exit).toBe(30);
    expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'pending', retrieval: { objects: 1 } });
    proxy.pass(5 * HOUR_MS);
    expect((await cairn('ls', 'archived')).stdout).toContain('deep/b.txt');
  });

  it('asks again when the copy went away', async () => {
    proxy.pass(5 * 24 * HOUR_MS);
    const before = proxy.retrievals.length;
    const { exit } = await cairn('restore', 'documents', '--to', 'again', '--yes');
    expect([exit, proxy.retrievals.length]).toEqual([30, before + 1]);
  });
});
