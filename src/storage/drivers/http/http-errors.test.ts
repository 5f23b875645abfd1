import { describe, expect, it } from 'vitest';
import { networkError, parseRetryAfter, printable, statusError } from './http-errors.ts';

const context = { action: 'read x', host: 'h:1' };

describe('statusError', () => {
  it.each([
    [400, 'STORAGE_IO', 'never'],
    [401, 'STORAGE_DENIED', 'never'],
    [403, 'STORAGE_DENIED', 'never'],
    [404, 'STORAGE_IO', 'never'],
    [405, 'NOT_SUPPORTED', 'never'],
    [408, 'STORAGE_UNREACHABLE', 'later'],
    [429, 'STORAGE_UNREACHABLE', 'later'],
    [500, 'STORAGE_UNREACHABLE', 'later'],
    [501, 'NOT_SUPPORTED', 'never'],
    [503, 'STORAGE_UNREACHABLE', 'later'],
    [507, 'STORAGE_FULL', 'never'],
    [301, 'STORAGE_IO', 'never'],
    [599, 'STORAGE_UNREACHABLE', 'later'],
  ])('of %i is %s, to be tried again %s', (status, code, retry) => {
    expect(statusError(context, { status, headers: {} })).toMatchObject({ code, retry, facts: { status } });
  });

  it('tells the pause that the server asks for', () => {
    const error = statusError(context, { status: 503, headers: { 'retry-after': '7' } });
    expect(error.facts).toMatchObject({ retryAfterMs: 7000 });
  });

  it('has the way out that is known better than from the status', () => {
    const error = statusError({ ...context, hint: 'Look there.' }, { status: 500, headers: {} });
    expect(error).toMatchObject({ code: 'STORAGE_UNREACHABLE', retry: 'later', hint: 'Look there.' });
  });

  it('repeats what the server says on one line, without control characters, and not without end', () => {
    const { message } = statusError(context, { status: 400, headers: {} }, `a\u001b[31m\nb${'c'.repeat(5000)}`);
    expect(Array.from(message).every((character) => character >= ' ')).toBe(true);
    expect(message.length).toBeLessThan(300);
  });
});

describe('networkError', () => {
  it.each([
    ['ECONNRESET', 'later'],
    ['ETIMEDOUT', 'later'],
    ['ENOTFOUND', 'never'],
    ['EAI_AGAIN', 'later'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'never'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'never'],
    ['CERT_HAS_EXPIRED', 'never'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'never'],
    ['EPROTO', 'never'],
    ['EWHATEVER', 'later'],
  ])('of %s is to be tried again %s', (code, retry) => {
    const error = networkError(context, Object.assign(new Error('text'), { code }));
    expect(error).toMatchObject({ code: 'STORAGE_UNREACHABLE', retry, facts: { host: 'h:1', system: code } });
  });
});

describe('parseRetryAfter', () => {
  it('reads seconds', () => {
    expect(parseRetryAfter('120')).toBe(120_000);
  });

  it("reads a date by the server's own clock", () => {
    expect(parseRetryAfter('Fri, 31 Dec 1999 23:59:59 GMT', 'Fri, 31 Dec 1999 23:59:00 GMT')).toBe(59_000);
  });

  it('takes a date that has passed for no pause', () => {
    expect(parseRetryAfter('Fri, 31 Dec 1999 23:59:59 GMT')).toBe(0);
  });

  it.each([undefined, '', 'soon', '-1', '99999999999'])('makes nothing of %j', (value) => {
    expect(parseRetryAfter(value)).toBeUndefined();
  });
});

describe('printable', () => {
  it('keeps letters of all languages', () => {
    expect(printable('größer 大')).toBe('größer 大');
  });
});
