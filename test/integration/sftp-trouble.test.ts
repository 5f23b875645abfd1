import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { openSftpStorage } from '../../src/storage/drivers/sftp/sftp-storage.ts';
import { retrying } from '../../src/storage/layers/retry.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { peersMissing } from '../support/peers.ts';
import { SshServer } from '../support/ssh-server.ts';

const LARGE = 96 * 1024 * 1024;
const isRoot = process.getuid?.() === 0;

let server: SshServer;
let storage: Storage;

async function start(config: readonly string[] = [], connections?: number): Promise<void> {
  server = await SshServer.start({ config });
  storage = open(connections);
  await storage.create();
}

const open = (connections?: number): Storage =>
  openSftpStorage(server.location('vault', { connections }), server.environment());
/** As a vault uses it: a connection whose end was not heard of yet costs one more try. */
const again = (): Storage => retrying(storage, { firstDelayMs: 20, longestDelayMs: 500 });
const inVault = (...parts: string[]): string => join(server.files, 'vault', ...parts);
const filesIn = (folder: string): string[] => fs.readdirSync(inVault(folder)).sort();
const modeOf = (path: string): string => (fs.statSync(inVault(path)).mode & 0o777).toString(8);
const names = async (prefix = ''): Promise<string[]> =>
  (await Array.fromAsync(storage.list(prefix), ({ name }) => name)).sort();

async function writeMany(count: number): Promise<void> {
  for (let index = 0; index < count; index++) await storage.write(`data/ab/${index}`, utf8('x'));
}

/** These chunks, and then nothing until `end`. */
async function* stream(chunks: readonly Uint8Array[], end?: Promise<void>): AsyncGenerator<Uint8Array> {
  yield* chunks;
  await end;
}

/** What a promise rejects with; listened to from now on. */
const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    (error: unknown) => error,
  );

/** Resolves when a write has come so far that a part of it is on the server. */
async function partlyWritten(folder: string): Promise<void> {
  for (;;) {
    const found = fs.existsSync(inVault(folder)) ? filesIn(folder).filter((name) => name.includes('-tmp-')) : [];
    if (found.some((name) => fs.statSync(inVault(folder, name), { throwIfNoEntry: false })?.size)) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

afterEach(async () => {
  await storage?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

describe.skipIf(peersMissing('sshd'))('a connection that is lost', () => {
  beforeEach(() => start());

  it('in a write leaves the name as it was, and the write can be tried again', async () => {
    await storage.write('data/ab/x', utf8('old'));
    const written = storage.write('data/ab/x', Buffer.alloc(LARGE, 1));
    const failure = failureOf(written);
    await partlyWritten('data/ab');
    server.dropConnections();
    expect(await failure).toMatchObject({ code: 'STORAGE_UNREACHABLE', retry: 'later' });
    expect(fs.readFileSync(inVault('data/ab/x'), 'utf8')).toBe('old');
    await again().write('data/ab/x', utf8('new'));
    expect(Buffer.from(await again().read('data/ab/x')).toString()).toBe('new');
  });

  it('in a stream leaves the name as it was, and does not wait for a source that is silent', async () => {
    await storage.writeStream('archives/x', stream([utf8('old')]));
    const written = storage.writeStream('archives/x', stream([Buffer.alloc(LARGE, 1)], new Promise(() => {})));
    const failure = failureOf(written);
    await partlyWritten('archives');
    server.dropConnections();
    expect(await failure).toMatchObject({ code: 'STORAGE_UNREACHABLE', retry: 'later' });
    expect(fs.readFileSync(inVault('archives/x'), 'utf8')).toBe('old');
  });

  it('in a write leaves no temporary file once there is a connection again', async () => {
    const written = storage.write('data/ab/x', Buffer.alloc(LARGE, 1));
    const failure = failureOf(written);
    await partlyWritten('data/ab');
    server.dropConnections();
    expect(await failure).toMatchObject({ code: 'STORAGE_UNREACHABLE', retry: 'later' });
    expect(filesIn('data/ab')).toEqual([expect.stringMatching(/^x-tmp-\d+$/u)]);
    expect(await Array.fromAsync(again().list(''))).toEqual([]);
    await again().write('data/ab/y', utf8('y'));
    expect(filesIn('data/ab')).toEqual(['y']);
  });

  it('in a read fails that read, and the next one connects again', async () => {
    await storage.write('data/ab/x', Buffer.alloc(LARGE, 1));
    const read = storage.read('data/ab/x');
    const failure = failureOf(read);
    // The session serves nothing but this read; one that was through already would not be lost.
    server.dropConnections();
    expect(await failure).toMatchObject({ code: 'STORAGE_UNREACHABLE', retry: 'later' });
    expect((await again().read('data/ab/x', { offset: 5, length: 3 })).length).toBe(3);
  });

  it('between two operations costs another try at most', async () => {
    await storage.write('config', utf8('c'));
    server.dropConnections();
    expect(Buffer.from(await again().read('config')).toString()).toBe('c');
  });

  it('because the server ended is an error until it is back', async () => {
    await server.stop();
    await expect(storage.read('config')).rejects.toMatchObject({ code: 'STORAGE_UNREACHABLE', retry: 'later' });
    await server.restart();
    expect(await again().stat('config')).toBeUndefined();
  });

  it('does not hold up closing the storage', async () => {
    await server.stop();
    await storage[Symbol.asyncDispose]();
    await expect(storage.stat('config')).rejects.toMatchObject({ code: 'INTERNAL' });
  });
});

describe.skipIf(peersMissing('sshd'))('a write over SFTP that is stopped', () => {
  beforeEach(() => start());

  it('ends at once and leaves nothing', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const written = storage.write('data/ab/x', Buffer.alloc(LARGE, 1), { signal: controller.signal });
    const failure = failureOf(written);
    await partlyWritten('data/ab');
    controller.abort(reason);
    expect(await failure).toBe(reason);
    expect(filesIn('data/ab')).toEqual([]);
  });
});

describe.skipIf(peersMissing('sshd'))('a server with few sessions', () => {
  it('is used with those it allows', async () => {
    await start(['MaxSessions 2'], 8);
    const all = Array.from({ length: 16 }, (_, index) => `data/ab/${String(index).padStart(2, '0')}`);
    await Promise.all(all.map((name) => storage.write(name, utf8(name))));
    expect(await names()).toEqual(all);
    expect(server.sessions().length).toBeLessThan(8);
  });
});

describe.skipIf(peersMissing('sshd'))('files on the server', () => {
  beforeEach(() => start());

  it('keep everybody else out', async () => {
    await storage.write('data/ab/x', utf8('x'));
    expect([modeOf(''), modeOf('data'), modeOf('data/ab'), modeOf('data/ab/x')]).toEqual(['700', '700', '700', '600']);
  });

  it('let the group in where it may read config, as restic does', async () => {
    await storage.write('config', utf8('c'));
    fs.chmodSync(inVault('config'), 0o640);
    await using again = open();
    await again.write('data/ab/x', utf8('x'));
    expect(modeOf('data/ab/x')).toBe('660');
  });

  it('that are unfinished, strange or folders are not listed', async () => {
    fs.mkdirSync(inVault('index/empty'), { recursive: true });
    fs.writeFileSync(inVault('index/a-tmp-123'), 'half');
    fs.writeFileSync(inVault('index/é'), 'stranger');
    await storage.write('index/a', utf8('whole'));
    expect(await names()).toEqual(['index/a']);
  });

  it('are found behind a link to a folder, but not in circles', async () => {
    fs.mkdirSync(join(server.files, 'elsewhere'));
    fs.symlinkSync(join(server.files, 'elsewhere'), inVault('data'));
    fs.mkdirSync(inVault('index'));
    fs.symlinkSync(inVault(), inVault('index/loop'));
    fs.symlinkSync('nowhere', inVault('index/dangling'));
    await storage.write('data/ab/x', utf8('x'));
    expect(await names()).toEqual(['data/ab/x']);
  });

  it('behind a link that leads nowhere are out of reach, not gone', async () => {
    fs.symlinkSync(join(server.files, 'unmounted'), inVault('data'));
    await expect(names('data/')).rejects.toMatchObject({ code: 'STORAGE_UNREACHABLE' });
  });

  it('get their folders again when somebody removed them', async () => {
    await storage.write('data/ab/x', utf8('x'));
    fs.rmSync(inVault('data'), { recursive: true });
    await storage.write('data/ab/y', utf8('y'));
    expect(await names()).toEqual(['data/ab/y']);
  });

  it('are not written where the directory itself is missing: its disk may not be mounted', async () => {
    fs.rmSync(inVault(), { recursive: true });
    await expect(storage.write('config', utf8('c'))).rejects.toMatchObject({ code: 'STORAGE_UNREACHABLE' });
    await expect(storage.write('data/ab/x', utf8('c'))).rejects.toMatchObject({ code: 'STORAGE_UNREACHABLE' });
    expect(fs.readdirSync(server.files)).toEqual([]);
  });

  it('that are folders are not removed as objects', async () => {
    await storage.write('data/ab/x', utf8('x'));
    await storage.remove('data/ab');
    expect(await names()).toEqual(['data/ab/x']);
  });
});

describe.skipIf(peersMissing('sshd'))('a folder of hundreds of folders', () => {
  it('is listed whole while others vanish', async () => {
    await start();
    for (let index = 0; index < 256; index++) {
      const folder = inVault('data', index.toString(16).padStart(2, '0'));
      fs.mkdirSync(folder, { recursive: true });
      for (let file = 0; file < 3; file++) fs.writeFileSync(join(folder, `f${file}`), 'x');
    }
    const found: string[] = [];
    for await (const { name } of storage.list('data/')) {
      if (found.length === 0) fs.rmSync(inVault('data/ff'), { recursive: true });
      found.push(name);
    }
    expect(found.length).toBe(255 * 3);
    expect(new Set(found).size).toBe(found.length);
  });
});

describe.skipIf(peersMissing('sshd'))('a server that may only be read from', () => {
  it('says so when something is to be written', async () => {
    await start();
    await storage.write('config', utf8('c'));
    const { files } = server;
    await using readOnly = await SshServer.start({ config: [`Subsystem sftp internal-sftp -R -d ${files}`] });
    await using other = openSftpStorage(readOnly.location('vault'), readOnly.environment());
    expect(Buffer.from(await other.read('config')).toString()).toBe('c');
    await expect(other.write('data/ab/x', utf8('x'))).rejects.toMatchObject({ code: 'STORAGE_DENIED', retry: 'never' });
  });
});

describe.skipIf(peersMissing('sshd') || !isRoot)('a disk of the server', () => {
  let mounted = '';

  beforeEach(() => start());

  afterEach(async () => {
    // A file that the server has still open would keep the file system busy.
    await server.stop();
    if (mounted !== '') execFileSync('umount', [mounted]);
    mounted = '';
  });

  function mount(options: string): void {
    mounted = inVault('data');
    fs.mkdirSync(mounted, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'cairn-test', mounted]);
  }

  it('that fills up ends the write with STORAGE_FULL and leaves nothing of it', async () => {
    mount('size=4m');
    await storage.write('data/ab/x', Buffer.alloc(1024 * 1024, 1));
    await expect(storage.write('data/ab/y', Buffer.alloc(8 * 1024 * 1024, 1))).rejects.toMatchObject({
      code: 'STORAGE_FULL',
      retry: 'never',
    });
    expect(filesIn('data/ab')).toEqual(['x']);
    expect((await storage.read('data/ab/x')).length).toBe(1024 * 1024);
  });

  it('without room for another file says that', async () => {
    mount('size=4m,nr_inodes=6');
    await expect(writeMany(8)).rejects.toMatchObject({
      code: 'STORAGE_FULL',
      message: expect.stringContaining('inodes'),
    });
  });

  it('that is read-only is named as such', async () => {
    mount('ro');
    await expect(storage.write('data/x', utf8('x'))).rejects.toMatchObject({ code: 'STORAGE_READ_ONLY' });
  });
});
