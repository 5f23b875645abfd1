// Notifiers that watch a vault: what the people behind them get to read of real actions.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NotificationMessage } from '../../src/app/notifications/notifier.ts';
import type { NotifierSettings } from '../../src/app/notifications/notifier-settings.ts';
import { attachNotifications } from '../../src/app/notifications/watch-vault.ts';
import { initVault } from '../../src/vault/open-vault.ts';
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
