// The servers behind the slow link, each with an empty folder of its own.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../test/support/free-port.ts';
import { findPeer } from '../test/support/peer-catalog.ts';
import { endChild, untilListening } from '../test/support/server-process.ts';

export type ServerName = 'rest' | 's3';

export interface BenchServer extends AsyncDisposable {
  readonly url: string;
  /** What tools need to log in. */
  readonly environment: Readonly<Record<string, string>>;
  /** The address of a repository for a tool, at this server or at what stands before it. */
  repository(tool: string, base: string): string;
}

const BUCKET = 'bench';

export async function startServer(name: ServerName, folder: string): Promise<BenchServer> {
  const port = await freePort();
  mkdirSync(join(folder, BUCKET), { recursive: true });
  const [peer, args, environment] = name === 'rest' ? restServer(folder, port) : s3Server(folder, port);
  const program = findPeer(peer);
  if (program === undefined) throw new Error(`${peer} is not installed (npm run peers)`);
  const child = spawn(program.path, args, { stdio: 'ignore' });
  await untilListening(child, port);
  return {
    url: `http://127.0.0.1:${port}`,
    environment,
    repository: (tool, base) => {
      if (name === 'rest') return `rest:${base}/`;
      return tool === 'cairn' ? `s3://${BUCKET}/?endpoint=${encodeURIComponent(base)}` : `s3:${base}/${BUCKET}`;
    },
    [Symbol.asyncDispose]: () => endChild(child),
  };
}

type Started = readonly [peer: 'rest-server' | 'rclone', args: string[], environment: Record<string, string>];

function restServer(folder: string, port: number): Started {
  return ['rest-server', ['--path', join(folder, 'data'), '--listen', `127.0.0.1:${port}`, '--no-auth'], {}];
}

function s3Server(folder: string, port: number): Started {
  const environment = {
    AWS_ACCESS_KEY_ID: 'CAIRNBENCH',
    AWS_SECRET_ACCESS_KEY: 'not/a+secret',
    AWS_REGION: 'us-east-1',
  };
  const keys = `${environment.AWS_ACCESS_KEY_ID},${environment.AWS_SECRET_ACCESS_KEY}`;
  const caching = ['--vfs-cache-mode', 'writes', '--cache-dir', `${folder}-cache`, '--vfs-write-back', '0s'];
  const args = ['serve', 's3', '--addr', `127.0.0.1:${port}`, '--auth-key', keys, '--config', `${folder}.conf`];
  return ['rclone', [...args, ...caching, folder], environment];
}
