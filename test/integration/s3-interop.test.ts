import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { initVault, openVault } from '../../src/vault/open-vault.ts';
import type { PeerName } from '../support/peer-catalog.ts';
import { requirePeer, peersMissing } from '../support/peers.ts';
import { type S3Server, startRcloneS3 } from '../support/rclone-s3.ts';
import { RESTIC_PASSWORD } from '../support/restic.ts';

// A vault in a bucket, used by us and by restic through the same server.
describe.skipIf(peersMissing('rclone')).each<PeerName>(['restic', 'restic-newest'])(
  'a bucket shared with %s',
  (peer) => {
    let server: S3Server;
    let scratch: string;
    let count = 0;
    let prefix: string;

    beforeAll(async () => {
      server = await startRcloneS3(['bucket']);
    });

    afterAll(async () => {
      await server[Symbol.asyncDispose]();
    });

    beforeEach(async () => {
      scratch = await mkdtemp(join(tmpdir(), 'cairn-s3-'));
      prefix = `vault${++count}`;
      for (const [name, value] of Object.entries(server.environment)) vi.stubEnv(name, value);
      await writeFile(join(scratch, 'document'), 'a'.repeat(100_000) + Math.PI);
    });

    afterEach(async () => {
      vi.unstubAllEnvs();
      await rm(scratch, { recursive: true });
    });

    const options = { password: RESTIC_PASSWORD, cache: false, jobs: 1 } as const;
    const ourUrl = (): string => `s3://bucket/${prefix}?endpoint=${server.endpoint}`;

    const invocation = (args: readonly string[]) =>
      [
        requirePeer(peer).path,
        ['--no-cache', '-r', `s3:${server.endpoint}/bucket/${prefix}`, ...args],
        { encoding: 'utf8', env: { ...process.env, ...server.environment, RESTIC_PASSWORD }, timeout: 60_000 },
      ] as const;

    const restic = (...args: readonly string[]): string => {
      const [path, all, how] = invocation(args);
      return execFileSync(path, all, { ...how, stdio: 'pipe' });
    };

    const resticAsync = async (...args: readonly string[]): Promise<string> =>
      (await promisify(execFile)(...invocation(args))).stdout;

    it('holds a backup of ours that restic finds whole and restores', async () => {
      {
        await using vault = await initVault(ourUrl(), options);
        await vault.backup(join(scratch, 'document'));
      }
      expect(restic('check', '--read-data')).toContain('no errors were found');
      restic('restore', 'latest', '--target', join(scratch, 'out'));
      expect(await readFile(join(scratch, 'out', scratch, 'document'), 'utf8')).toMatch(/^a+3\.14/u);
    });

    it('is written by both at the same time', async () => {
      {
        await using _vault = await initVault(ourUrl(), options);
      }
      await using vault = await openVault(ourUrl(), options);
      for (let round = 0; round < 3; round++) {
        const [ours, theirs] = ['ours', 'theirs'].map((name) => join(scratch, `${name} ${round}`));
        if (ours === undefined || theirs === undefined) throw new Error('no paths');
        await writeFile(ours, randomBytes(1_000_000));
        await writeFile(theirs, randomBytes(1_000_000));
        await Promise.all([vault.backup(ours), resticAsync('backup', theirs)]);
      }
      expect(restic('check', '--read-data')).toContain('no errors were found');
      expect(await Array.fromAsync(vault.list())).toHaveLength(6);
    });

    it('holds a backup of restic that we find whole and restore', async () => {
      restic('init');
      restic('backup', join(scratch, 'document'));
      // In the form that restic knows.
      await using vault = await openVault(`s3:${server.endpoint}/bucket/${prefix}`, options);
      expect(await vault.check({ readData: 'all' })).toMatchObject({ isGood: true });
      await vault.restore('latest', { to: join(scratch, 'out') });
      expect(await readFile(join(scratch, 'out', 'document'), 'utf8')).toMatch(/^a+3\.14/u);
    });
  },
);
