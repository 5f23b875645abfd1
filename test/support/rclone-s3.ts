// An S3 server on loopback: `rclone serve s3` over a temporary directory, with one pair of keys.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { findPeer } from './peer-catalog.ts';
import { endChild, untilListening } from './server-process.ts';

export interface S3Server extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string;
  /** Keys and region, for our driver and for restic. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Starts the server with these buckets. It ends with the disposal of the result. */
export async function startRcloneS3(buckets: readonly string[]): Promise<S3Server> {
  const program = findPeer('rclone');
  if (program === undefined) throw new Error('rclone is not installed');
  const folder = await mkdtemp(join(tmpdir(), 'cairn-rclone-s3-'));
  for (const bucket of buckets) await mkdir(join(folder, 'data', bucket), { recursive: true });
  const port = await freePort();
  const environment = {
    AWS_ACCESS_KEY_ID: 'CAIRNTEST',
    AWS_SECRET_ACCESS_KEY: 'not/a+secret',
    AWS_REGION: 'us-east-1',
    // Nobody's own files may change what a test does.
    AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'),
    AWS_CONFIG_FILE: join(folder, 'none'),
  };
  const keys = `${environment.AWS_ACCESS_KEY_ID},${environment.AWS_SECRET_ACCESS_KEY}`;
  const args = [
    'serve',
    's3',
    '--addr',
    `127.0.0.1:${port}`,
    '--auth-key',
    keys,
    '--config',
    join(folder, 'rclone.conf'),
  ];
  // Without it an object is written in place, and a reader may see half of it.
  const caching = ['--vfs-cache-mode', 'writes', '--cache-dir', join(folder, 'cache'), '--vfs-write-back', '0s'];
  // Else a listing that comes while the cache is written back now and then shows a file under a name of rclone's own.
  caching.push('--inplace');
  const child = spawn(program.path, [...args, ...caching, join(folder, 'data')], { stdio: 'ignore' });
  const stop = async (): Promise<void> => {
    await endChild(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await untilListening(child, port);
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoint: `http://127.0.0.1:${port}`, environment, [Symbol.asyncDispose]: stop };
}
