import { describe, expect, it } from 'vitest';
import { translateAzureError } from './azure-errors.ts';

/** An answer of Azure as the package throws it. */
function answer(
  status: number,
  code: string,
  { details = {}, headers = {} }: { details?: object; headers?: Record<string, string> } = {},
): Error {
  const response = { headers: { get: (name: string) => headers[name] } };
  return Object.assign(new Error('Server failed to authenticate the request.'), {
    name: 'RestError',
    statusCode: status,
    code,
    details,
    response,
  });
}

const translate = (error: Error): unknown => translateAzureError(error, 'read', 'config', 'box');
const nowInHttp = (): string => new Date().toUTCString();

describe('a refusal of Azure', () => {
  it.each([
    [answer(403, 'AuthenticationFailed', { headers: { date: nowInHttp() } }), 'STORAGE_DENIED'],
    [answer(403, 'AuthorizationPermissionMismatch'), 'STORAGE_DENIED'],
    [
      answer(403, 'AuthenticationFailed', {
        headers: { date: nowInHttp() },
        details: {
          authenticationErrorDetail: 'Signature not valid in the specified time frame: Start [x] - Expiry [y]',
        },
      }),
      'CREDENTIALS_EXPIRED',
    ],
    [answer(404, 'ContainerNotFound'), 'BUCKET_MISSING'],
  ])('has a code of its own: %s %s', (error, code) => {
    expect(translate(error)).toMatchObject({ code, retry: 'never' });
  });

  it('because the clock of this machine is wrong says by how much', () => {
    const date = new Date(Date.now() - 20 * 60_000).toUTCString();
    expect(translate(answer(403, 'AuthenticationFailed', { headers: { date } }))).toMatchObject({
      code: 'CLOCK_SKEWED',
      retry: 'never',
      hint: expect.stringContaining('20 minutes ahead'),
    });
  });

  it('that asks for a pause tells how long', () => {
    expect(translate(answer(503, 'ServerBusy', { headers: { 'retry-after': '7' } }))).toMatchObject({
      code: 'STORAGE_UNREACHABLE',
      retry: 'later',
      facts: { retryAfterMs: 7000 },
    });
  });
});

it.each([
  Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }),
  new Error('Data corruption failure: received less data than required'),
])('a connection that ends in the middle of an answer is worth another try: %s', (error) => {
  expect(translate(error)).toMatchObject({ code: 'STORAGE_UNREACHABLE', retry: 'later' });
});

it('a fault of a program is passed on as it is', () => {
  const bug = new TypeError('bug');
  expect(translate(bug)).toBe(bug);
});
