// Notifiers that watch a vault: what the people behind them get to read of real actions.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NotificationMessage } from '../../src/app/notifications/notifier.ts';
import type { NotifierSettings } from '../../src/app/notifications/notifier-settings.ts';
import { openNotifications } from '../../src/app/notifications/notifications.ts';
import type { Outcome } from '../../src/app/notifications/outcome.ts';
import { attachNotifications, watchVault } from '../../src/app/notifications/watch-vault.ts';
import { initVault } from '../../src/vault/open-vault.ts';
import { actionNames } from '../../src/vault/vault-events.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { type MessageReceiver, startMessageReceiver } from '../support/message-receiver.ts';

const password = 'the vault password';
let scratch: string;
let vault: Vault;
let receiver: MessageReceiver;
let messages: NotificationMessage[];
let recorder: NotifierSettings;

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-notify-'));
  vault = await initVault(join(scratch, 'vault'), { password, generatedKey: true, jobs: 1, cache: false });
  receiver = await startMessageReceiver();
  messages = [];
  recorder = { type: 'custom', name: 'recorder', deliver: async (message) => void messages.push(message) };
});

afterEach(async () => {
  await vault.close();
  await receiver[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

const otherVault = (): Promise<Vault> =>
  initVault(join(scratch, 'other'), { password, generatedKey: true, jobs: 1, cache: false });

const outcomes = (): Outcome[] =>
  messages.map((message) => (message.kind === 'ended' ? message.outcome : expect.fail('no end of an action')));

/** Removes a pack of the vault. */
async function losePack(): Promise<void> {
  const folder = join(scratch, 'vault', 'data');
  const [pack = ''] = (await readdir(folder, { recursive: true })).filter((name) => name.includes('/'));
  await rm(join(folder, pack));
}

describe('attached notifications', () => {
  it('tell of a backup, of what it is called and how much it was', async () => {
    await writeFile(join(scratch, 'a.txt'), 'hello');
    {
      await using _ = attachNotifications(vault, [recorder], { plan: 'nightly', source: 'texts' });
      await vault.backup(join(scratch, 'a.txt'));
    }
    expect(messages).toMatchObject([
      {
        kind: 'ended',
        outcome: {
          action: 'backup',
          status: 'ok',
          plan: 'nightly',
          source: 'texts',
          vault: vault.url,
          bytes: 5,
          backup: { name: 'a.txt' },
        },
      },
    ]);
  });

  it('tell of an archive', async () => {
    await writeFile(join(scratch, 'a.txt'), 'hello');
    {
      await using _ = attachNotifications(vault, [recorder]);
      await vault.archive([join(scratch, 'a.txt'), join(scratch, 'gone')], { name: 'texts', encrypt: false });
    }
    expect(messages).toMatchObject([
      {
        outcome: {
          action: 'archive',
          status: 'partial',
          source: 'texts',
          bytes: 5,
          problemCount: 1,
          backup: { name: 'texts' },
        },
      },
    ]);
  });

  it('tell of one that is partial, with what is missing', async () => {
    await writeFile(join(scratch, 'a.txt'), 'hello');
    {
      await using _ = attachNotifications(vault, [recorder]);
      await vault.backup([join(scratch, 'a.txt'), join(scratch, 'gone')]);
    }
    expect(messages).toMatchObject([
      {
        outcome: {
          status: 'partial',
          problemCount: 1,
          problems: [{ path: join(scratch, 'gone'), code: 'SOURCE_MISSING' }],
        },
      },
    ]);
  });

  it('tell of one that failed, with its code and the way out', async () => {
    {
      await using _ = attachNotifications(vault, [recorder]);
      await expect(vault.backup(join(scratch, 'gone'))).rejects.toMatchObject({ code: 'SOURCE_MISSING' });
    }
    expect(messages).toMatchObject([{ outcome: { status: 'failed', error: { code: 'SOURCE_MISSING' } } }]);
  });

  it('tell of restore, delete and prune', async () => {
    const { id } = await vault.backup(Readable.from([Buffer.from('x')]), { name: 'x' });
    {
      await using _ = attachNotifications(vault, [recorder]);
      await vault.restore('x', { to: join(scratch, 'out') });
      await vault.delete(id);
      await vault.prune({ allowEmpty: true });
    }
    const told = messages.map(
      (message) => message.kind === 'ended' && [message.outcome.action, message.outcome.status],
    );
    expect(told).toEqual([
      ['restore', 'ok'],
      ['delete', 'ok'],
      ['prune', 'ok'],
    ]);
  });

  it('hear of every action that has events', () => {
    const heard: string[] = [];
    const on = (name: string): Disposable => {
      heard.push(name);
      return { [Symbol.dispose]: () => {} };
    };
    using _ = watchVault(openNotifications([]), { url: 'memory:x', on });
    const events = actionNames.flatMap((action) => [`${action}.before`, `${action}.done`, `${action}.failed`]);
    expect(heard.toSorted()).toEqual(events.toSorted());
  });

  it('tell of a check that found nothing', async () => {
    await vault.backup(Readable.from([Buffer.from('x')]), { name: 'x' });
    {
      await using _ = attachNotifications(vault, [recorder]);
      await vault.check();
    }
    expect(outcomes()).toMatchObject([
      { action: 'check', status: 'ok', summary: expect.stringContaining('1 snapshot') },
    ]);
  });

  it('tell of a check that found damage as of one that failed, and what it found', async () => {
    await vault.backup(Readable.from([Buffer.from('x')]), { name: 'x' });
    await losePack();
    const quiet: NotifierSettings = {
      type: 'custom',
      name: 'quiet',
      on: ['*.failed'],
      severity: 'error',
      deliver: async (message) => void messages.push(message),
    };
    {
      await using _ = attachNotifications(vault, [quiet]);
      expect(await vault.check()).toMatchObject({ isGood: false });
    }
    const [told, ...others] = outcomes();
    expect(told).toMatchObject({ action: 'check', status: 'failed', error: { code: 'CHECK_FAILED' } });
    expect(told?.problems).toContainEqual(
      expect.objectContaining({ path: expect.stringMatching(/^data\//u), code: 'CHECK_FAILED' }),
    );
    expect([told?.problemCount, others]).toEqual([told?.problems.length, []]);
  });

  it('tell of a copy and of where to', async () => {
    const target = await otherVault();
    await vault.backup(Readable.from([Buffer.from('x')]), { name: 'x' });
    {
      await using _ = attachNotifications(vault, [recorder]);
      await vault.copyTo(target);
      await vault.copyTo(target);
    }
    await target.close();
    expect(outcomes()).toMatchObject([
      { action: 'copy', status: 'ok', summary: `1 backup copied to ${join(scratch, 'other')}` },
      { action: 'copy', status: 'ok', summary: `0 backups copied to ${join(scratch, 'other')}, 1 there already` },
    ]);
  });

  it('tell of a copy that left something out as of a partial one', async () => {
    const target = await otherVault();
    await vault.backup(Readable.from([Buffer.from('x')]), { name: 'x' });
    await losePack();
    {
      await using _ = attachNotifications(vault, [recorder]);
      await vault.copyTo(target);
    }
    await target.close();
    const [told] = outcomes();
    expect(told).toMatchObject({
      status: 'partial',
      problemCount: 1,
      problems: [{ path: expect.stringContaining('x (') }],
    });
  });

  it('tell of a guarded change after the backup inside, and of one that failed', async () => {
    await writeFile(join(scratch, 'a.txt'), 'hello');
    {
      await using _ = attachNotifications(vault, [recorder]);
      await vault.guard(join(scratch, 'a.txt'), () => {});
      const broken = vault.guard(join(scratch, 'a.txt'), () => {
        throw new Error('migration failed');
      });
      await expect(broken).rejects.toThrow('migration failed');
    }
    expect(outcomes().map(({ action, status }) => `${action} ${status}`)).toEqual([
      'backup ok',
      'guard ok',
      'backup ok',
      'guard failed',
    ]);
    expect(outcomes()[1]).toMatchObject({ backup: { name: 'a.txt' }, summary: expect.stringContaining('held') });
  });

  it('send no secret of a run to any channel', async () => {
    const secrets = { db: 'db-pass/word', token: 'ntfy_token_1', hook: 'hook secret', vault: password };
    const script = `echo 'login postgres://u:${secrets.db}@h/x; Authorization: Bearer ${secrets.token}; ${secrets.vault}; ${secrets.hook}' >&2; exit 1`;
    const notifiers: NotifierSettings[] = [
      { type: 'slack', name: 'slack', webhook: `${receiver.url}/slack` },
      { type: 'discord', name: 'discord', webhook: `${receiver.url}/discord` },
      { type: 'telegram', name: 'telegram', token: '1:abcdef', chat: '1', server: receiver.url },
      { type: 'ntfy', name: 'ntfy', topic: 't', server: receiver.url, token: secrets.token },
      { type: 'webhook', name: 'webhook', url: `${receiver.url}/hook`, secret: secrets.hook },
      { type: 'ping', name: 'ping', url: `${receiver.url}/ping` },
      recorder,
    ];
    {
      await using _ = attachNotifications(vault, notifiers, { secrets: [password, secrets.db] });
      await expect(vault.backup({ type: 'command', command: 'sh', args: ['-c', script] })).rejects.toThrow();
    }
    const bodies = [...receiver.received.map(({ body }) => body), JSON.stringify(messages)];
    expect(bodies.length).toBe(8);
    // All but the ping that it begins, which says nothing of the error; Discord has its brackets escaped.
    expect(bodies.filter((body) => body.includes('redacted')).length).toBe(7);
    for (const secret of Object.values(secrets)) expect(bodies.filter((body) => body.includes(secret))).toEqual([]);
  });

  it('let a job end as it would, where notifiers fail and hang', async () => {
    const warnings: string[] = [];
    const hanging: NotifierSettings = {
      type: 'custom',
      name: 'hangs',
      deliver: () => new Promise(() => {}),
      timeoutMs: 50,
    };
    const broken: NotifierSettings = {
      type: 'custom',
      name: 'breaks',
      deliver: () => {
        throw new Error('at once');
      },
    };
    {
      await using _ = attachNotifications(vault, [hanging, broken], { onWarning: (text) => warnings.push(text) });
      const { status } = await vault.backup(Readable.from([Buffer.from('x')]), { name: 'x' });
      expect(status).toBe('complete');
    }
    expect(warnings.sort()).toEqual([
      'a notification did not arrive (breaks): breaks failed: at once',
      'a notification did not arrive (hangs): hangs did not take the message within 0.05 s',
    ]);
  });
});
