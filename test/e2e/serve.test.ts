import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { stat, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { htpasswdLines } from '../support/rest-serving.ts';
import { ended, errorOf, Home } from './cairn-program.ts';

let home: Home;
let child: ChildProcess | undefined;

beforeEach(async () => {
  home = await Home.make();
  await home.folder('served');
});

afterEach(async () => {
  if (child?.exitCode === null) {
    child.kill('SIGKILL');
    await once(child, 'close');
  }
  child = undefined;
  await home[Symbol.asyncDispose]();
});

type Line = Readonly<Record<string, unknown>>;

/** Starts `cairn serve --json`; gives its URL and its further lines. */
async function serve(...args: readonly string[]): Promise<{ url: string; line: () => Promise<Line> }> {
  child = home.start(['serve', '--rest', '--json', '--listen', '127.0.0.1:0', ...args]);
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const line = async (): Promise<Line> => JSON.parse((await lines.next()).value as string) as Line;
  const { url } = await line();
  return { url: url as string, line };
}

describe('cairn serve', () => {
  it('prints where it listens and what is asked, and ends with 0 after SIGTERM', async () => {
    const { url, line } = await serve('--no-auth', 'served');
    await fetch(`${url}repo/?create=true`, { method: 'POST' });
    expect(await line()).toMatchObject({ type: 'request', method: 'POST', path: '/repo/', status: 200 });
    child!.kill('SIGTERM');
    const [code] = await once(child!, 'close');
    expect(code).toBe(0);
  });

  it.each([
    ['--append-only', 200, 403],
    ['--read-only', 403, 403],
  ])('%s holds for all clients', async (flag, added, removed) => {
    const { url } = await serve('--no-auth', flag, 'served');
    await writeFile(home.file('served', 'config'), 'c');
    expect((await fetch(`${url}config`, { method: 'DELETE' })).status).toBe(removed);
    expect((await fetch(`${url}repo/config`, { method: 'POST', body: 'c' })).status).toBe(added);
    expect((await fetch(`${url}config`)).status).toBe(200);
  });

  it('refuses to start without users', async () => {
    const run = await home.run(['serve', '--rest', 'served', '--json']);
    expect(run.exit).toBe(2);
    expect(errorOf(run).hint).toContain('--no-auth');
  });

  it('refuses to serve a folder that is not there, such as a disk that is not mounted', async () => {
    const run = await home.run(['serve', '--rest', '--no-auth', 'elsewhere', '--json']);
    expect(run.exit).toBe(16);
    expect(errorOf(run).code).toBe('STORAGE_UNREACHABLE');
  });

  it('says so when the port is taken', async () => {
    const { url } = await serve('--no-auth', 'served');
    const run = await home.run(['serve', '--rest', '--no-auth', 'served', '--json', '--listen', new URL(url).host]);
    expect(run.exit).toBe(2);
    expect(errorOf(run).message).toContain('something else');
  });

  it('takes the users from .htpasswd beside the repositories, and new ones after SIGHUP', async () => {
    const file = home.file('served', '.htpasswd');
    await writeFile(file, htpasswdLines('ana'), { mode: 0o600 });
    const { url, line } = await serve('served');
    const statusFor = async (user: string): Promise<number> => {
      const authorization = `Basic ${Buffer.from(`${user}:${user}-password`).toString('base64')}`;
      const { status } = await fetch(`${url}data/`, { headers: { authorization } });
      await line();
      return status;
    };
    expect(await statusFor('ana')).toBe(200);
    expect(await statusFor('bob')).toBe(401);
    await writeFile(file, htpasswdLines('bob'));
    child!.kill('SIGHUP');
    expect(await line()).toMatchObject({ type: 'notice', level: 'info' });
    expect(await statusFor('bob')).toBe(200);
    expect(await statusFor('ana')).toBe(401);
    expect((await fetch(`${url}.htpasswd`)).status).toBe(401);
  });

  it('listens on a socket that is for its owner only', async () => {
    const socket = home.file('socket');
    child = home.start(['serve', '--rest', '--no-auth', '--json', '--listen', `unix:${socket}`, 'served']);
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    await lines.next();
    expect(((await stat(socket)).mode & 0o777).toString(8)).toBe('600');
    child.kill('SIGINT');
    expect((await ended(child)).exit).toBe(0);
  });
});
