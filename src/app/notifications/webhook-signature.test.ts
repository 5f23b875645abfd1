import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { signWebhook, verifyWebhook } from './webhook-signature.ts';

const now = new Date('2026-11-25T12:00:00Z');
const message = { id: 'msg_1', time: now, body: '{"type":"test"}' };
const signed = signWebhook('key', message);

// The example of the Standard Webhooks specification's libraries.
it('signs as the specification says', () => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const headers = signWebhook(secret, {
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    time: new Date(1614265330 * 1000),
    body: '{"test": 2432232314}',
  });
  expect(headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
});

it('takes any other secret as it is', () => {
  const mac = createHmac('sha256', 'key')
    .update(`msg_1.${now.getTime() / 1000}.${message.body}`)
    .digest('base64');
  expect(signed['webhook-signature']).toBe(`v1,${mac}`);
});

it('finds a message genuine that was signed with the secret', () => {
  expect(verifyWebhook('key', signed, message.body, { now })).toEqual({ kind: 'genuine', id: 'msg_1', time: now });
});

it('takes one of several signatures, as while a secret is changed', () => {
  const headers = new Headers({ ...signed, 'webhook-signature': `v1,AAAA ${signed['webhook-signature']}` });
  expect(verifyWebhook('key', headers, message.body, { now }).kind).toBe('genuine');
});

it.each([
  ['another secret', 'other', signed, message.body, 'signature-wrong'],
  ['another body', 'key', signed, '{"type":"tesu"}', 'signature-wrong'],
  ['another id', 'key', { ...signed, 'webhook-id': 'msg_2' }, message.body, 'signature-wrong'],
  ['another time', 'key', { ...signed, 'webhook-timestamp': '1' }, message.body, 'signature-wrong'],
  ['no signature', 'key', { ...signed, 'webhook-signature': undefined }, message.body, 'signature-wrong'],
  ['no id', 'key', { ...signed, 'webhook-id': undefined }, message.body, 'header-missing'],
] as const)('refuses a message with %s', (_, secret, headers, body, reason) => {
  expect(verifyWebhook(secret, headers, body, { now })).toEqual({ kind: 'refused', reason });
});

it('refuses one that is repeated later', () => {
  const later = new Date(now.getTime() + 5 * 60_000 + 1000);
  expect(verifyWebhook('key', signed, message.body, { now: later })).toEqual({ kind: 'refused', reason: 'too-old' });
});
