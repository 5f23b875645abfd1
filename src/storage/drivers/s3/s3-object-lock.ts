import { CairnError, hasCode } from '../../../base/errors.ts';
import type { ObjectName } from '../../storage.ts';
import type { S3Client } from './s3-client.ts';
import { headObject } from './s3-read.ts';
import type { Headers } from './write-headers.ts';

const HINT =
  'Nobody has to do anything about it: what is locked goes with the command that comes after that time. A legal hold stays ' +
  'until somebody who may (s3:PutObjectLegalHold) takes it away.';

/** A removal that was refused, with what holds the object and until when, where S3 shows that (s3:GetObjectRetention, s3:GetObjectLegalHold). */
export async function explainHeld(
  client: S3Client,
  name: ObjectName,
  refusal: unknown,
  keyHeaders: Headers,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  if (!hasCode(refusal, 'STORAGE_DENIED')) return refusal;
  const hold = await readHold(client, name, keyHeaders, signal);
  if (hold === undefined) return refusal;
  const { lockedUntil, mode, hasLegalHold } = hold;
  const until = lockedUntil === undefined ? '' : `it is locked until ${lockedUntil.toISOString()} (${mode})`;
  const held = hasLegalHold ? 'it is under a legal hold' : '';
  return new CairnError(
    'STORAGE_DENIED',
    `cannot remove ${name}: ${[until, held].filter((text) => text !== '').join(', and ')}`,
    {
      hint: HINT,
      cause: refusal,
      facts: {
        ...refusal.facts,
        ...(lockedUntil === undefined ? {} : { lockedUntil: lockedUntil.toISOString() }),
        legalHold: hasLegalHold,
      },
    },
  );
}

interface Hold {
  readonly lockedUntil: Date | undefined;
  readonly mode: 'governance' | 'compliance';
  readonly hasLegalHold: boolean;
}

/** Undefined where nothing holds it, or nobody tells. */
async function readHold(
  client: S3Client,
  name: ObjectName,
  keyHeaders: Headers,
  signal: AbortSignal | undefined,
): Promise<Hold | undefined> {
  let headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  try {
    ({ headers } = await headObject(client, name, { keyHeaders }, signal));
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
  const until = new Date(String(headers['x-amz-object-lock-retain-until-date']));
  const hasLegalHold = headers['x-amz-object-lock-legal-hold'] === 'ON';
  const lockedUntil = until.getTime() > client.now().getTime() ? until : undefined;
  if (lockedUntil === undefined && !hasLegalHold) return undefined;
  const mode = headers['x-amz-object-lock-mode'] === 'COMPLIANCE' ? 'compliance' : 'governance';
  return { lockedUntil, mode, hasLegalHold };
}
