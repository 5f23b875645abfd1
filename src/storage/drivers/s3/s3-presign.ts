import { CairnArgumentError, CairnError } from '../../../base/errors.ts';
import type { ObjectName, PresignOptions } from '../../storage.ts';
import type { S3Client } from './s3-client.ts';

/** S3 takes no longer ones. */
const LONGEST_SECONDS = 604_800;

/** See `Presign`. With credentials of a session the URL ends with that, if it ends earlier. */
export async function presignS3(client: S3Client, name: ObjectName, options: PresignOptions): Promise<string> {
  const { method, expiresInSeconds, responseContentType, responseContentEncoding, signal } = options;
  if (!Number.isInteger(expiresInSeconds) || expiresInSeconds < 1 || expiresInSeconds > LONGEST_SECONDS) {
    throw new CairnArgumentError(`a URL cannot be made to expire in ${String(expiresInSeconds)} seconds`, {
      hint: `Whole seconds, from 1 to ${LONGEST_SECONDS} (7 days).`,
      facts: { expiresInSeconds },
    });
  }
  if (client.location.encryption.kind === 'customer') {
    throw refusal(name, 'objects are encrypted with a key of yours, which a URL cannot carry');
  }
  const query = {
    ...(responseContentType === undefined ? {} : { 'response-content-type': responseContentType }),
    ...(responseContentEncoding === undefined ? {} : { 'response-content-encoding': responseContentEncoding }),
  };
  const url = await client.presign({ method, name, query, signal }, expiresInSeconds);
  if (url === undefined) throw refusal(name, 'the bucket is read without a login, so nothing can be signed');
  return url.href;
}

function refusal(name: ObjectName, why: string): CairnError {
  return new CairnError('NOT_SUPPORTED', `cannot make a URL of ${name}: ${why}`, { facts: { name } });
}
