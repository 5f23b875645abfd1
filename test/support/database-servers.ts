// Real database servers on 127.0.0.1, each with data, port and password of its own; ended by pid.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { requirePeer } from './peers.ts';
import { untilListening } from './server-process.ts';

export interface DatabaseServer extends AsyncDisposable {
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/** With characters that every format of a password file gives a meaning. */
const PASSWORD = String.raw`p:a\s"s #w`;

/** A PostgreSQL with the databases that it is made with. Call it inside a test. */
export async function startPostgres(): Promise<DatabaseServer> {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-postgres-'));
  // PostgreSQL refuses to run as root.
  const owner = process.getuid?.() === 0 ? userNamed('postgres') : {};
  if (owner.uid !== undefined) chownSync(folder, owner.uid, owner.gid ?? owner.uid);
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, PASSWORD);
  const data = join(folder, 'data');
  const login = ['--username=app', `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
  execFileSync(requirePeer('initdb').path, ['-D', data, ...login, '--no-sync'], {
    ...owner,
    cwd: folder,
    stdio: 'pipe',
  });
  const port = await freePort();
  const options = ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-k', folder, '-c', 'fsync=off'];
  const server = spawn(requirePeer('postgres').path, options, { ...owner, cwd: folder, stdio: 'ignore' });
  return running(server, folder, { port, user: 'app', password: PASSWORD });
}

/** A MariaDB with the user `app`, who may do everything. Call it inside a test. */
export async function startMariaDb(): Promise<DatabaseServer> {
  // The program that makes the data is of the same package.
  const program = requirePeer('mariadbd').path;
  const folder = mkdtempSync(join(tmpdir(), 'cairn-mariadb-'));
  const data = join(folder, 'data');
  mkdirSync(data);
  const asRoot = process.getuid?.() === 0 ? ['--user=root'] : [];
  const common = ['--no-defaults', `--datadir=${data}`, ...asRoot];
  execFileSync('mariadb-install-db', [...common, '--skip-test-db', '--auth-root-authentication-method=normal'], {
    cwd: folder,
    stdio: 'pipe',
  });
  const init = join(folder, 'init.sql');
  const quoted = PASSWORD.replaceAll('\\', String.raw`\\`);
  writeFileSync(init, `CREATE USER app@'127.0.0.1' IDENTIFIED BY '${quoted}';\nGRANT ALL ON *.* TO app@'127.0.0.1';\n`);
  const port = await freePort();
  const listen = ['--bind-address=127.0.0.1', `--port=${port}`, `--socket=${join(folder, 'socket')}`];
  const server = spawn(program, [...common, ...listen, `--init-file=${init}`, '--skip-name-resolve'], {
    cwd: folder,
    stdio: 'ignore',
  });
  return running(server, folder, { port, user: 'app', password: PASSWORD });
}

async function running(
  server: ChildProcess,
  folder: string,
  facts: Pick<DatabaseServer, 'port' | 'user' | 'password'>,
): Promise<DatabaseServer> {
  const stop = async (): Promise<void> => {
    if (server.exitCode === null && server.signalCode === null) {
      const ended = once(server, 'exit');
      server.kill('SIGINT');
      const timer = setTimeout(() => server.kill('SIGKILL'), 5000);
      if (server.pid !== undefined) await ended;
      clearTimeout(timer);
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await untilListening(server, facts.port);
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...facts, [Symbol.asyncDispose]: stop };
}

function userNamed(name: string): { readonly uid?: number; readonly gid?: number } {
  const id = (flag: string): number => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
