import { createHash, timingSafeEqual } from 'node:crypto';
import { utf8Lossy } from '../../base/bytes.ts';
import { CairnArgumentError } from '../../base/errors.ts';
import type { Secret } from '../../base/secret.ts';

const SHORTEST_TOKEN = 16;

/** Whether a request may come in. */
export type Authorize = (request: Request) => boolean | Promise<boolean>;

/** Lets in who sends `Authorization: Bearer TOKEN`. Throws `ARGUMENT_INVALID` for a token that can be guessed, or not be sent. */
export function bearerToken(token: Secret): Authorize {
  // RFC 6750 §2.1 has letters, digits and a few signs; with blanks in it no request could ever match.
  if (!/^[\x21-\x7e]*$/u.test(utf8Lossy(token.reveal()))) {
    throw new CairnArgumentError('a token has letters, digits and signs, and no blanks');
  }
  if (token.reveal().length < SHORTEST_TOKEN) {
    throw new CairnArgumentError(`a token needs at least ${SHORTEST_TOKEN} characters`);
  }
  const wanted = digest(token.reveal());
  return (request) => {
    const given = /^Bearer\s+(\S+)\s*$/iu.exec(request.headers.get('authorization') ?? '')?.[1] ?? '';
    // Digests are of the same length, so that comparing takes as long whatever was sent.
    return timingSafeEqual(digest(Buffer.from(given)), wanted);
  };
}

function digest(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
