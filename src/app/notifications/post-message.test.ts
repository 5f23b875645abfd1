import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type MessageReceiver, startMessageReceiver } from '../../../test/support/message-receiver.ts';
import type { Clock } from '../../base/clock.ts';
import { type HttpClient, openHttpClient } from '../../storage/drivers/http/http-client.ts';
import { postMessage } from './post-message.ts';

let receiver: MessageReceiver;
let http: HttpClient;
let pauses: number[];

beforeEach(async () => {
  receiver = await startMessageReceiver();
  http = await openHttpClient();
  pauses = [];
});

afterEach(async () => {
  await http[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
});

const clock: Clock = {
  nowNs: () => 0n,
  sleep: (ms) => {
    pauses.push(ms);
    return Promise.resolve();
  },
};

function post(url = receiver.url, remainingMs = 20_000): Promise<void> {
  const request = { service: 'the test', url, body: '{}', contentType: 'application/json' };
  const context = { signal: new AbortController().signal, remainingMs: () => remainingMs };
  return postMessage({ http, clock, random: () => 0.5 }, request, context);
}

describe('postMessage', () => {
  it('tries again, with growing pauses, where the service is broken', async () => {
    receiver.plan.push({ status: 500 }, { status: 503 });
    await post();
    expect(receiver.received.length).toBe(3);
    expect(pauses).toEqual([500, 1500]);
  });

  it('sends no login of an address to another machine in clear, and does not try again', async () => {
    await expect(post('http://me:s3cret@ntfy.invalid/topic')).rejects.toMatchObject({ code: 'SECRET_IN_CLEAR' });
    expect(pauses).toEqual([]);
  });

  it('gives up after four tries, with what the service said', async () => {
    receiver.plan.push(...Array.from({ length: 9 }, () => ({ status: 502, body: 'bad gateway' })));
    await expect(post()).rejects.toMatchObject({
      code: 'NOTIFICATION_FAILED',
      message: 'the test answered 502: bad gateway',
      retry: 'later',
    });
    expect(receiver.received.length).toBe(4);
  });

  it.each([
    ['seconds in a header', { status: 429, headers: { 'retry-after': '7' } }],
    ["seconds in Discord's body", { status: 429, body: '{"message":"slow","retry_after":7.0,"global":false}' }],
    ["seconds in Telegram's body", { status: 429, body: '{"ok":false,"parameters":{"retry_after":7}}' }],
    [
      'a date',
      {
        status: 503,
        headers: { 'retry-after': 'Wed, 25 Nov 2026 12:00:07 GMT', date: 'Wed, 25 Nov 2026 12:00:00 GMT' },
      },
    ],
  ])('waits as long as it is asked to by %s', async (_, answer) => {
    receiver.plan.push(answer);
    await post();
    expect(pauses).toEqual([7000]);
  });

  it('does not wait longer than a delivery may take', async () => {
    receiver.plan.push({ status: 429, headers: { 'retry-after': '3600' } });
    await expect(post()).rejects.toMatchObject({ code: 'NOTIFICATION_FAILED', retry: 'later' });
    expect(pauses).toEqual([]);
  });

  it.each([400, 401, 403, 404, 410, 413])('does not try again after %d', async (status) => {
    receiver.plan.push({ status });
    await expect(post()).rejects.toMatchObject({ code: 'NOTIFICATION_FAILED', retry: 'never' });
    expect(receiver.received.length).toBe(1);
  });

  it('follows no redirect, so that no other host sees what was sent', async () => {
    await using other = await startMessageReceiver();
    receiver.plan.push({ status: 307, headers: { location: other.url } });
    await expect(post()).rejects.toMatchObject({ code: 'NOTIFICATION_FAILED', message: 'the test answered 307' });
    expect(other.received).toEqual([]);
  });

  it('tries again where nobody answers, and names the host only', async () => {
    const { url } = receiver;
    await receiver[Symbol.asyncDispose]();
    const failure: unknown = await post(`${url}/secret-path`).catch((error: unknown) => error);
    expect(pauses.length).toBe(3);
    expect(failure).toMatchObject({ code: 'NOTIFICATION_FAILED' });
    expect(String(failure)).not.toContain('secret-path');
    receiver = await startMessageReceiver();
  });

  it('sends user and password of an address as a header', async () => {
    await post(receiver.url.replace('//', '//me:p%40ss@'));
    expect(receiver.received[0]?.headers.authorization).toBe(`Basic ${btoa('me:p@ss')}`);
  });

  it.each(['not a url', 'file:///etc/passwd', 'ftp://host/x'])('refuses %j without showing it', async (url) => {
    const failure: unknown = await post(url).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(String(failure)).not.toContain(url);
  });
});
