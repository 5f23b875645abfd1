import { existsSync } from 'node:fs';
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sampleBackup } from '../../test/support/sample-backup.ts';
import { CairnError } from '../base/errors.ts';
import { silentLogger } from '../base/logger.ts';
import { Secret } from '../base/secret.ts';
import { VaultEmitter } from '../vault/vault-emitter.ts';
import type { ActionRequests } from '../vault/vault-events.ts';
import { VaultListeners } from '../vault/vault-listeners.ts';
import { attachHooks } from './attach-hooks.ts';
import type { HookTable } from './hook-entry.ts';

let folder: string;
let lines: string[];
let acted: boolean;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'cairn-hooks-')));
  lines = [];
  acted = false;
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const saved = sampleBackup({
  name: 'documents',
  time: new Date('2026-11-25T10:00:00Z'),
  tags: ['nightly', 'web'],
  status: 'partial',
});

interface Act {
  readonly options?: Partial<ActionRequests['backup']>;
  readonly fails?: Error;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

function note(message: string): void {
  lines.push(message);
}

/** A backup with these hooks. */
async function act(hooks: HookTable, { options, fails, env, signal }: Act = {}): Promise<void> {
  const listeners = new VaultListeners();
  attachHooks(hooks, listeners, {
    folder,
    env: env ?? { PATH: process.env['PATH'] },
    logger: { ...silentLogger, info: note, warn: (message) => note(`warning: ${message}`) },
  });
  const emitter = new VaultEmitter({
    vaultUrl: 's3://box/a',
    shared: listeners,
    onListenerError: (error) => note(String(error)),
  });
  const start = {
    sessionId: '4028dfc7',
    options: { source: '/srv', ...options },
    signal: signal ?? new AbortController().signal,
  };
  await emitter.around('backup', start, async () => {
    acted = true;
    if (fails !== undefined) throw fails;
    return saved;
  });
}

const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');

describe('the command of a hook', () => {
  it('runs in the folder of the configuration, and what it prints goes to the log', async () => {
    await act({ 'backup.before': [{ run: 'pwd; echo careful >&2; printf unended' }] });
    expect(lines.toSorted()).toEqual(
      [`hook backup.before: ${folder}`, 'hook backup.before: careful', 'hook backup.before: unended'].toSorted(),
    );
  });

  it('is told what begins in its environment', async () => {
    await act(
      { 'backup.before': [{ run: 'env | grep ^CAIRN_ | sort > env' }] },
      { options: { name: 'documents', tags: ['a', 'b'] } },
    );
    expect(await read('env')).toBe(
      [
        'CAIRN_ACTION=backup',
        'CAIRN_BACKUP_NAME=documents',
        'CAIRN_EVENT=backup.before',
        'CAIRN_SESSION_ID=4028dfc7',
        'CAIRN_STATUS=begins',
        'CAIRN_TAGS=a,b',
        'CAIRN_VAULT_URL=s3://box/a',
        '',
      ].join('\n'),
    );
  });

  it('is told the backup that was made', async () => {
    await act({
      'backup.done': [{ run: 'echo $CAIRN_STATUS $CAIRN_BACKUP_ID $CAIRN_BACKUP_NAME $CAIRN_BACKUP_TIME $CAIRN_TAGS' }],
    });
    expect(lines).toEqual([`hook backup.done: partial ${saved.id} documents 2026-11-25T10:00:00.000Z nightly,web`]);
  });

  it('is told why an action failed', async () => {
    const fails = new CairnError('STORAGE_FULL', 'no space left', { hint: 'Make room.' });
    const acting = act(
      { 'backup.failed': [{ run: 'echo $CAIRN_STATUS $CAIRN_ERROR_CODE $CAIRN_ERROR; cat > event' }] },
      { fails },
    );
    await expect(acting).rejects.toBe(fails);
    expect(lines).toEqual(['hook backup.failed: failed STORAGE_FULL no space left']);
    expect(JSON.parse(await read('event'))).toMatchObject({
      error: { code: 'STORAGE_FULL', message: 'no space left', hint: 'Make room.' },
    });
  });

  it('reads the event as JSON on standard input', async () => {
    await act(
      { 'backup.before': [{ run: 'cat > before' }], 'backup.done': [{ run: 'cat > done' }] },
      { options: { host: 'web' } },
    );
    expect(JSON.parse(await read('before'))).toEqual({
      schema: 1,
      event: 'backup.before',
      action: 'backup',
      sessionId: '4028dfc7',
      vaultUrl: 's3://box/a',
      status: 'begins',
      options: { source: { type: 'files', targets: ['/srv'] }, host: 'web' },
    });
    expect(JSON.parse(await read('done'))).toMatchObject({
      event: 'backup.done',
      status: 'partial',
      result: { id: saved.id, time: '2026-11-25T10:00:00.000Z' },
    });
  });

  it('need not read it, however much it is', async () => {
    const options = { name: 'n'.repeat(300_000) };
    await act({ 'backup.before': [{ run: 'exec <&-; echo fine' }] }, { options });
    expect(lines).toEqual(['hook backup.before: fine']);
  });

  it('learns no password, neither by its environment nor by its input', async () => {
    const secret = 'correct horse';
    const source = { type: 'command', command: 'pg_dump', args: [`--password=${secret}`] } as const;
    const options = { source, password: new Secret(secret), passphrase: secret };
    const env = {
      PATH: process.env['PATH'],
      CAIRN_PASSWORD: secret,
      RESTIC_PASSWORD: secret,
      BAKTHAT_PASSWORD: secret,
    };
    await act({ 'backup.before': [{ run: 'cat; env' }] }, { options, env });
    expect(lines.join('\n')).toContain('"type":"command"');
    expect(lines.join('\n')).not.toContain(secret);
  });
});

describe('a hook that fails', () => {
  it('before an action keeps it from beginning', async () => {
    await expect(act({ 'backup.before': [{ run: 'echo disk not mounted; exit 3' }] })).rejects.toMatchObject({
      code: 'ACTION_VETOED',
      cause: { code: 'HOOK_FAILED', facts: { event: 'backup.before' } },
      message: 'backup was stopped before it began: the hook of backup.before failed: its command exited with status 3',
    });
    expect(acted).toBe(false);
    expect(lines).toEqual(['hook backup.before: disk not mounted']);
  });

  it('is a warning with `onError: warn`', async () => {
    await act({ 'backup.before': [{ run: 'exit 3', onError: 'warn' }] });
    expect(acted).toBe(true);
    expect(lines).toEqual(['warning: the hook of backup.before failed: its command exited with status 3']);
  });

  it.each(['fail', 'warn'] as const)('after an action is a warning, also with `onError: %s`', async (onError) => {
    await act({ 'backup.done': [{ run: 'exit 3', onError }] });
    expect(lines).toEqual(['warning: the hook of backup.done failed: its command exited with status 3']);
  });

  it('because it takes too long is ended with all that it started', async () => {
    const run = 'sleep 1000 & echo $! > pid; wait';
    await expect(act({ 'backup.before': [{ run, timeoutMs: 500 }] })).rejects.toMatchObject({
      cause: { code: 'HOOK_FAILED', message: 'the hook of backup.before failed: it was ended after 0.5 s' },
    });
    const pid = Number(await read('pid'));
    // The kernel may still be at it.
    while (
      existsSync(`/proc/${pid}`) &&
      !(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')).includes(') Z')
    ) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(acted).toBe(false);
  });

  it('never shows its command, in which there may be a secret', async () => {
    const acting = act({ 'backup.before': [{ run: 'exit 1 # hunter2' }] });
    const error: unknown = await acting.catch((thrown: unknown) => thrown);
    expect(String((error as Error).cause) + String(error)).not.toContain('hunter2');
  });
});

it('an abort ends a hook and the action that waits for it', async () => {
  const stop = new AbortController();
  const acting = act({ 'backup.before': [{ run: 'echo up; sleep 1000' }] }, { signal: stop.signal });
  while (lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  stop.abort(new Error('enough'));
  await expect(acting).rejects.toThrow('enough');
  expect(acted).toBe(false);
});

it('hooks of an event run in their order', async () => {
  await act({ 'backup.done': [{ run: 'sleep 0.05; echo one' }, { run: 'echo two' }] });
  expect(lines).toEqual(['hook backup.done: one', 'hook backup.done: two']);
});

it.each(['backup.begin', 'backups.before', 'before'])('a hook for %s, which never comes, is refused', async (event) => {
  await expect(act({ [event]: [{ run: 'true' }] })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
