// The scripts in examples/, run as they stand against real servers.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { initVault, openVault } from '../../src/vault/open-vault.ts';
import { startMariaDb, startPostgres } from '../support/database-servers.ts';
import { requirePeer } from '../support/peers.ts';

const password = 'correct horse';
let scratch: string;
let temporary: string;
let url: string;

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-examples-'));
  temporary = join(scratch, 'tmp');
  url = join(scratch, 'vault');
  await mkdir(temporary);
  await (await initVault(url, { password, generatedKey: true, cache: false }))[Symbol.asyncDispose]();
});

afterEach(() => rm(scratch, { recursive: true }));

async function runExample(name: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const script = fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
  const all = {
    PATH: process.env['PATH'],
    HOME: scratch,
    XDG_CACHE_HOME: join(scratch, 'cache'),
    TMPDIR: temporary,
    CAIRN_VAULT: url,
    CAIRN_PASSWORD: password,
    ...env,
  };
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...args], { env: all });
  return stdout;
}

async function contentOf(name: string, path: string): Promise<Buffer> {
  await using vault = await openVault(url, { password, cache: false });
  return Buffer.concat(await Array.fromAsync(vault.cat(name, path)));
}

describe('the example', () => {
  it('B60: of a MySQL script saves a dump of the server, and leaves nothing behind', async () => {
    const dump = requirePeer('mariadb-dump').path;
    await using server = await startMariaDb();
    const env = {
      MYSQL_PORT: String(server.port),
      MYSQL_USER: server.user,
      MYSQL_PASSWORD: server.password,
      MYSQLDUMP: dump,
    };
    expect(await runExample('mysql-script.ts', [], env)).toMatch(/^saved myhost_mysql \(\d+ bytes\), removed 0/u);
    const text = (await contentOf('myhost_mysql', '/myhost_mysql/dump.sql')).toString();
    expect(text).toContain('CREATE DATABASE');
    expect(text).toContain('-- Dump completed');
    expect(await readdir(temporary)).toEqual([]);
  });

  it('of a PostgreSQL script saves a dump that pg_restore reads, and the roles', async () => {
    const tools = dirname(requirePeer('pg_dump').path);
    await using server = await startPostgres();
    const env = {
      PATH: `${tools}:${process.env['PATH']}`,
      PGPORT: String(server.port),
      PGUSER: server.user,
      PGPASSWORD: server.password,
    };
    expect(await runExample('postgres-script.ts', ['postgres'], env)).toMatch(
      /^saved myhost_postgres \(\d+ bytes\)\nremoved 0/u,
    );
    const file = join(scratch, 'postgres.dump');
    await writeFile(file, await contentOf('myhost_postgres', '/myhost_postgres/postgres.dump'));
    expect((await promisify(execFile)(join(tools, 'pg_restore'), ['--list', file])).stdout).toContain(
      'dbname: postgres',
    );
    expect((await contentOf('myhost_postgres', '/myhost_postgres/roles.sql')).toString()).toContain('CREATE ROLE app');
    expect(await readdir(temporary)).toEqual([]);
  });

  it('of a MongoDB script says what it lacks where there is no mongodump', async () => {
    const run = runExample('mongodb-script.ts', [], {
      PATH: dirname(process.execPath),
      MONGODB_URL: 'mongodb://u:secret@h/x',
    });
    await expect(run).rejects.toMatchObject({ stderr: expect.stringContaining('cannot start mongodump') });
    await expect(run).rejects.not.toMatchObject({ stderr: expect.stringContaining('secret') });
    expect(await readdir(temporary)).toEqual([]);
  });

  it('of the helper as a class saves what was written', async () => {
    expect((await runExample('helper-as-class.ts', [], {})).trim().split('\n')).toEqual([
      "saved mybackup [ 'mybackup' ]",
      '/mybackup/another.txt',
      '/mybackup/myfile.txt',
    ]);
  });
});
