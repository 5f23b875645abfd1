// Signatures of webhooks as the Standard Webhooks specification has them (standardwebhooks.com), so that its libraries
// verify ours: `webhook-id`, `webhook-timestamp`, and `webhook-signature: v1,BASE64`, the HMAC-SHA256 of `id.timestamp.body`.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { utf8 } from '../../base/bytes.ts';

const TOLERANCE_MS = 5 * 60_000;

/** The three headers that sign `body`. */
export function signWebhook(
  secret: string,
  { id, time, body }: { readonly id: string; readonly time: Date; readonly body: string },
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(time.getTime() / 1000));
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${hmac(secret, `${id}.${timestamp}.${body}`).toString('base64')}`,
  };
}

export type WebhookVerdict =
  /** `id` is the same when a delivery is repeated: whoever keeps it for ten minutes takes no message twice. */
  | { readonly kind: 'genuine'; readonly id: string; readonly time: Date }
  | { readonly kind: 'refused'; readonly reason: 'header-missing' | 'too-old' | 'signature-wrong' };

/**
 * For receivers: whether a message is from somebody who knows the secret, and was sent in the last five minutes. `body` is
 * the body as it came, before any parsing.
 *
 * ```ts
 * const verdict = verifyWebhook(secret, request.headers, await request.text());
 * if (verdict.kind === 'refused') return new Response(verdict.reason, { status: 401 });
 * ```
 */
export function verifyWebhook(
  secret: string,
  headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>,
  body: string,
  { now = new Date(), toleranceMs = TOLERANCE_MS }: { readonly now?: Date; readonly toleranceMs?: number } = {},
): WebhookVerdict {
  const header = (name: string): string => {
    const value = headers instanceof Headers ? headers.get(name) : headers[name];
    return typeof value === 'string' ? value : '';
  };
  const id = header('webhook-id');
  const timestamp = header('webhook-timestamp');
  const signatures = header('webhook-signature').split(' ');
  if (id === '' || !/^\d{1,12}$/u.test(timestamp)) return { kind: 'refused', reason: 'header-missing' };
  const wanted = hmac(secret, `${id}.${timestamp}.${body}`);
  // Several are there while a secret is being changed.
  const isGenuine = signatures.some((text) => text.startsWith('v1,') && isSame(wanted, text.slice(3)));
  if (!isGenuine) return { kind: 'refused', reason: 'signature-wrong' };
  const time = new Date(Number(timestamp) * 1000);
  if (Math.abs(now.getTime() - time.getTime()) > toleranceMs) return { kind: 'refused', reason: 'too-old' };
  return { kind: 'genuine', id, time };
}

function isSame(wanted: Uint8Array, base64: string): boolean {
  const given = Buffer.from(base64, 'base64');
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

function hmac(secret: string, text: string): Buffer {
  return createHmac('sha256', keyOf(secret)).update(text, 'utf8').digest();
}

/** The specification writes keys as `whsec_` and Base64; any other text is a key as it is. */
function keyOf(secret: string): Uint8Array {
  const encoded = /^whsec_([A-Za-z0-9+/]+=*)$/u.exec(secret)?.[1];
  return encoded === undefined ? utf8(secret) : Buffer.from(encoded, 'base64');
}
