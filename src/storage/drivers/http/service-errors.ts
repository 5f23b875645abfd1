// Errors of services that say by a name of their own why they refuse a request.
import { CairnError, type ErrorFacts, type Retry } from '../../../base/errors.ts';
import type { ErrorCode } from '../../../base/error-codes.ts';
import { printable, type Refusal, type RequestContext, statusError } from './http-errors.ts';

/** What such a name means for a storage. */
export interface ServiceMeaning {
  readonly code: ErrorCode;
  /** What the host does: `refuses access`. */
  readonly text: string;
  readonly retry?: Retry;
  readonly hint?: string;
}

export interface ServiceRefusal {
  /** Undefined where the name is not known: then the status decides. */
  readonly meaning: ServiceMeaning | undefined;
  /** The name itself; empty where there was none. */
  readonly reason: string;
  /** All that the service says, for the message; not trusted to be short or printable. */
  readonly said: string;
  /** Added to those of the status where the meaning is known. */
  readonly facts?: ErrorFacts;
}

/** The error of a refused request. */
export function serviceError(
  { action, host }: RequestContext,
  response: Refusal,
  { meaning, reason, said, facts = {} }: ServiceRefusal,
): CairnError {
  const plain = statusError({ action, host }, response, said);
  const named = reason === '' ? {} : { reason: printable(reason) };
  const hint = meaning === undefined ? plain.hint : meaning.hint;
  const text = meaning === undefined ? plain.message : `cannot ${action}: ${host} ${meaning.text} (${printable(said)})`;
  return new CairnError(meaning?.code ?? plain.code, text, {
    ...(hint === undefined ? {} : { hint }),
    retry: meaning === undefined ? plain.retry : (meaning.retry ?? 'never'),
    facts: { ...plain.facts, ...named, ...(meaning === undefined ? {} : facts) },
  });
}

/** The error of a server that refuses a request because of the time in it. `serverTime` is a date in any usual form. */
export function clockSkewed(
  { action, host, nowMs }: RequestContext & { readonly nowMs: number },
  serverTime: string | undefined,
  rule: string,
): CairnError {
  const serverMs = serverTime === undefined ? Number.NaN : Date.parse(serverTime);
  const aheadMs = nowMs - serverMs;
  const minutes = Math.round(Math.abs(aheadMs) / 60_000);
  const how = Number.isNaN(aheadMs) ? 'wrong' : `${minutes} minutes ${aheadMs > 0 ? 'ahead' : 'behind'}`;
  return new CairnError('CLOCK_SKEWED', `cannot ${action}: by the clock of ${host} the one of this machine is ${how}`, {
    hint: `Set the clock of this machine (NTP). ${rule}`,
    facts: { host, ...(Number.isNaN(aheadMs) ? {} : { aheadMs }) },
  });
}
