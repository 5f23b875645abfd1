// Each channel against a receiver that stands for its service.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type MessageReceiver, startMessageReceiver } from '../../../../test/support/message-receiver.ts';
import { failedSample, sampleOutcome } from '../../../../test/support/sample-outcome.ts';
import { Secret } from '../../../base/secret.ts';
import { type DeliveryReport, openNotifications } from '../notifications.ts';
import type { NotifierSettings } from '../notifier-settings.ts';
import type { Outcome } from '../outcome.ts';
import { verifyWebhook } from '../webhook-signature.ts';

let receiver: MessageReceiver;

beforeEach(async () => {
  receiver = await startMessageReceiver();
});

afterEach(() => receiver[Symbol.asyncDispose]());

async function tell(settings: NotifierSettings, ...outcomes: Outcome[]): Promise<DeliveryReport> {
  await using notifications = openNotifications([settings]);
  for (const outcome of outcomes) notifications.tellOutcome(outcome);
  return await notifications.flush();
}

/** What the service got, as JSON. */
// oxlint-disable-next-line typescript/no-explicit-any -- a test looks into what others define
const got = (at = 0): any => JSON.parse(receiver.received[at]?.body ?? 'null');

/** An outcome that is far too long for any service, with characters that each of them gives a meaning. */
function longOutcome(): Outcome {
  const message = '<!channel> @everyone <b>*bold*</b> [x](http://x) 🗄️ `code` & "quotes" \\ '.repeat(20);
  const problems = Array.from({ length: 10 }, (_, i) => ({ path: `/${i}`, code: 'X', message }));
  return failedSample('<b>&', { status: 'failed', problems, problemCount: 10, source: '*'.repeat(400) });
}

const PARTS = /&(?:amp|lt|gt|quot|#39);/gu;
/** What is left is no escape that was cut in half. */
const isWholeEscaped = (text: string): boolean => !/&|</u.test(text.replace(PARTS, ''));

const slack = (): NotifierSettings => ({
  type: 'slack',
  name: 's',
  webhook: new Secret(`${receiver.url}/services/T/B/x`),
});

const discord = (): NotifierSettings => ({
  type: 'discord',
  name: 'd',
  webhook: `${receiver.url}/api/webhooks/1/x`,
});

const telegram = (): NotifierSettings => ({
  type: 'telegram',
  name: 't',
  token: new Secret('123:abc\n'),
  chat: '-100',
  thread: 4,
  server: receiver.url,
});

const ntfy = (): NotifierSettings => ({
  type: 'ntfy',
  name: 'n',
  topic: 'mine',
  server: receiver.url,
  token: 'tk_1234',
});

const webhook = (): NotifierSettings => ({
  type: 'webhook',
  name: 'w',
  url: `${receiver.url}/hook`,
  secret: new Secret('sign me'),
  headers: { 'X-Tenant': 'a' },
});

const ping = (change: object = {}): NotifierSettings => ({
  type: 'ping',
  name: 'p',
  url: `${receiver.url}/uuid`,
  ...change,
});

describe('slack', () => {
  it('posts the text to the webhook', async () => {
    await tell(slack(), sampleOutcome());
    expect(receiver.received[0]).toMatchObject({ method: 'POST', path: '/services/T/B/x' });
    expect(got().text).toMatch(/^:large_green_circle: \*Backup ok: uploads on web1\*\nresult: all was saved/u);
  });

  it('cuts and escapes what is too long, so that nobody is called', async () => {
    await tell(slack(), longOutcome());
    expect(got().text.length).toBeLessThanOrEqual(4000);
    expect(isWholeEscaped(got().text)).toBe(true);
  });
});

describe('discord', () => {
  it('posts an embed', async () => {
    await tell(discord(), failedSample('no route'));
    expect(got().embeds[0]).toMatchObject({ title: 'Backup FAILED: uploads on web1', color: 0xc62828 });
  });

  it('keeps to the limits of an embed and calls nobody', async () => {
    await tell(discord(), longOutcome());
    const [{ title, description }] = got().embeds;
    expect(title.length).toBeLessThanOrEqual(256);
    expect(description.length).toBeLessThanOrEqual(4096);
    expect(description).not.toMatch(/(?<!\\)(?:\\\\)*`/u);
    expect(got().allowed_mentions).toEqual({ parse: [] });
  });
});

describe('telegram', () => {
  it('calls sendMessage of the bot', async () => {
    await tell(telegram(), sampleOutcome());
    expect(receiver.received[0]?.path).toBe('/bot123:abc/sendMessage');
    expect(got()).toMatchObject({
      chat_id: '-100',
      message_thread_id: 4,
      parse_mode: 'HTML',
      disable_notification: true,
    });
    expect(got().text).toMatch(/^<b>Backup ok: uploads on web1<\/b>\n\nresult: /u);
  });

  it('keeps to 4096 characters after the entities are parsed, and cuts none', async () => {
    await tell(telegram(), longOutcome());
    const plain = got().text.replace(/^<b>(.*?)<\/b>/u, '$1');
    expect(isWholeEscaped(plain)).toBe(true);
    expect(plain.replace(PARTS, 'x').length).toBeLessThanOrEqual(4096);
  });

  it('never tells the token, also where the service refuses it', async () => {
    receiver.plan.push({ status: 401, body: '{"ok":false,"description":"bad token 123:abc"}' });
    const { failed } = await tell(telegram(), sampleOutcome());
    expect(failed[0]).toMatchObject({
      code: 'NOTIFICATION_FAILED',
      hint: 'Check the token or password of this notifier.',
    });
    expect(JSON.stringify(failed)).not.toContain('123:abc');
  });
});

describe('ntfy', () => {
  it('publishes with title, priority and tag', async () => {
    await tell(ntfy(), failedSample('no route'));
    expect(receiver.received[0]?.headers.authorization).toBe('Bearer tk_1234');
    expect(got()).toMatchObject({ topic: 'mine', title: 'Backup FAILED: uploads on web1', priority: 5 });
  });

  it('keeps to 4096 bytes, so that no attachment is made of it', async () => {
    await tell(ntfy(), longOutcome());
    expect(Buffer.byteLength(got().message)).toBeLessThanOrEqual(4096);
    expect(got().message.isWellFormed()).toBe(true);
  });
});

describe('webhook', () => {
  it('posts the outcome as a document, signed', async () => {
    await tell(webhook(), failedSample('no route'));
    const { headers = {}, body = '' } = receiver.received[0] ?? {};
    expect(verifyWebhook('sign me', headers, body).kind).toBe('genuine');
    expect(headers['x-tenant']).toBe('a');
    expect(got()).toMatchObject({
      type: 'backup.failed',
      timestamp: '2026-11-25T03:01:30.000Z',
      data: { status: 'failed', plan: 'nightly', source: 'uploads', error: { code: 'STORAGE_UNREACHABLE' } },
    });
  });

  it('sends no header of its own to another machine in clear, since each may be what lets its holder in', async () => {
    const settings: NotifierSettings = { type: 'webhook', name: 'w', url: 'http://hooks.invalid/x' };
    const { failed } = await tell({ ...settings, headers: { 'X-Api-Key': new Secret('k3y') } }, sampleOutcome());
    expect(failed).toMatchObject([{ code: 'SECRET_IN_CLEAR' }]);
  });

  it('keeps its id when it is tried again', async () => {
    receiver.plan.push({ status: 500, headers: { 'retry-after': '0' } });
    await tell(webhook(), sampleOutcome());
    const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
    expect(ids.length).toBe(2);
    expect(ids[0]).toBe(ids[1]);
  });
});

describe('ping', () => {
  const { action, sessionId, vault, host, started } = sampleOutcome();

  it('tells start and end of a run with one id, and what was said in the body', async () => {
    await using notifications = openNotifications([ping()]);
    notifications.tellStart({ action, sessionId, vault, host, started });
    notifications.tellOutcome(sampleOutcome());
    await notifications.flush();
    expect(receiver.received.map(({ path }) => path)).toEqual([
      `/uuid/start?rid=${sessionId}`,
      `/uuid?rid=${sessionId}`,
    ]);
    expect(receiver.received[1]?.body).toContain('result: all was saved');
  });

  it.each([
    ['a failure', failedSample('x'), {}, '/uuid/fail'],
    ['a partial result', sampleOutcome({ status: 'partial' }), {}, '/uuid/fail'],
    ['a partial result that may be', sampleOutcome({ status: 'partial' }), { partial: 'ok' }, '/uuid'],
  ])('tells %s', async (_, outcome, change, path) => {
    await tell(ping(change), outcome);
    expect(receiver.received[0]?.path).toBe(`${path}?rid=${sessionId}`);
  });

  it('tells one start and one end of a run, and a failure where one of its outcomes is one', async () => {
    await using notifications = openNotifications([ping({ digest: 'run' })]);
    for (const outcome of [failedSample('x'), sampleOutcome({ sessionId: 'second' })]) {
      notifications.tellStart({ action, vault, host, started, sessionId: outcome.sessionId });
      notifications.tellOutcome(outcome);
    }
    await notifications.flush();
    expect(receiver.received.map(({ path }) => path)).toEqual([
      `/uuid/start?rid=${sessionId}`,
      `/uuid/fail?rid=${sessionId}`,
    ]);
  });

  it('hears of backups only, unless it is told otherwise', async () => {
    await tell(ping(), failedSample('x'), sampleOutcome({ action: 'prune' }));
    expect(receiver.received.map(({ path }) => path)).toEqual([`/uuid/fail?rid=${sessionId}`]);
  });

  it('keeps a test message out of the state of the check', async () => {
    await using notifications = openNotifications([ping()]);
    notifications.tellTest();
    await notifications.flush();
    expect(receiver.received[0]?.path).toBe('/uuid/log');
  });
});

describe('command', () => {
  it('runs the program with the document on its standard input', async () => {
    const script = `test "$CAIRN_EVENT" = backup.done && grep -q '"type":"backup.done"'`;
    const settings: NotifierSettings = { type: 'command', name: 'c', command: 'sh', args: ['-c', script] };
    expect(await tell(settings, sampleOutcome())).toEqual({ delivered: ['c'], failed: [] });
  });

  it('reports a program that fails', async () => {
    const settings: NotifierSettings = {
      type: 'command',
      name: 'c',
      command: 'sh',
      args: ['-c', 'echo no >&2; exit 3'],
    };
    const { failed } = await tell(settings, sampleOutcome());
    expect(failed[0]).toMatchObject({ code: 'NOTIFICATION_FAILED', message: 'sh exited with status 3: no' });
  });

  it('ends a program that hangs', async () => {
    const settings: NotifierSettings = { type: 'command', name: 'c', command: 'sleep', args: ['60'], timeoutMs: 50 };
    const { failed } = await tell(settings, sampleOutcome());
    expect(failed[0]?.message).toBe('c did not take the message within 0.05 s');
  });
});

describe('a service that never answers', () => {
  it('costs the time of a delivery and no more', async () => {
    receiver.plan.push({ status: 200, hang: true });
    const { failed } = await tell(
      { type: 'ntfy', name: 'n', topic: 'x', server: receiver.url, timeoutMs: 60 },
      sampleOutcome(),
    );
    expect(failed[0]?.message).toBe('n did not take the message within 0.06 s');
  });
});
