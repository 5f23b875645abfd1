import { utf8Lossy } from '../../../base/bytes.ts';
import { CairnError } from '../../../base/errors.ts';
import { exists, missing } from '../../object-range.ts';
import type { ObjectName } from '../../storage.ts';
import type { Refusal, RequestContext } from '../http/http-errors.ts';
import { serviceError, type ServiceMeaning } from '../http/service-errors.ts';

/** What is known of a request when it was refused. */
export interface SwiftRequest extends RequestContext {
  readonly container: string;
  /** The object that was asked for, if it was one. */
  readonly name: ObjectName | undefined;
  /** Makes the object: then only the container can be missing. */
  readonly creates?: boolean | undefined;
  /** The token was given to us and cannot be renewed. */
  readonly hasFixedToken: boolean;
}

const busy: ServiceMeaning = { code: 'STORAGE_UNREACHABLE', text: 'asks for fewer requests', retry: 'later' };

// Swift tells by the status alone; its texts are for people.
const meanings = new Map<number, ServiceMeaning>([
  [
    401,
    {
      code: 'STORAGE_DENIED',
      text: 'does not accept the token',
      hint: 'Check that the login (OS_… or ST_…) is of the account that the container is in.',
    },
  ],
  [
    403,
    {
      code: 'STORAGE_DENIED',
      text: 'refuses access',
      hint: 'Check the role of this user in the project: it has to read, write, delete and list.',
    },
  ],
  // Two writers of one object, of which the later one has won already.
  [409, { code: 'STORAGE_UNREACHABLE', text: 'has another writer at the same object', retry: 'later' }],
  // The ratelimit middleware has a status of its own.
  [498, busy],
  [422, { code: 'STORAGE_UNREACHABLE', text: 'received other bytes than were sent', retry: 'later' }],
]);
const expired: ServiceMeaning = {
  code: 'CREDENTIALS_EXPIRED',
  text: 'does not accept the token, or no longer',
  hint: 'Get a new one (`swift auth`, `openstack token issue`) for OS_AUTH_TOKEN. Nothing stored so far is lost.',
};
const full: ServiceMeaning = {
  code: 'STORAGE_FULL',
  text: 'says that the quota is used up',
  hint: 'Make room or raise the quota, then run the same command again: nothing stored so far is lost.',
};

/** The error of an answer that is no success. */
export function swiftError(request: SwiftRequest, response: Refusal & { readonly body: Uint8Array }): CairnError {
  const { container, name, hasFixedToken } = request;
  const { status } = response;
  if (status === 404 && (name === undefined || request.creates === true)) return containerMissing(request);
  if (status === 404 && name !== undefined) return missing(name);
  if (status === 412 && name !== undefined) return exists(name);
  const said = textOf(response.body);
  return serviceError(request, response, {
    meaning:
      status === 413 && /quota/iu.test(said) ? full : status === 401 && hasFixedToken ? expired : meanings.get(status),
    reason: '',
    said,
    facts: { container, ...(name === undefined ? {} : { name }) },
  });
}

/** The error of a container that is not there. */
export function containerMissing({
  action,
  host,
  container,
}: Pick<SwiftRequest, 'action' | 'host' | 'container'>): CairnError {
  return new CairnError('BUCKET_MISSING', `cannot ${action}: there is no container ${container} at ${host}`, {
    hint: 'Check its name and the project of the login; `cairn init` makes it if it is allowed to.',
    facts: { container, host },
  });
}

/** The error of an answer that Swift does not give. Not to be trusted, so not to be gone on with. */
export function strangeAnswer(action: string, what: string): CairnError {
  return new CairnError('STORAGE_IO', `cannot ${action}: the server answers with ${what}`, {
    hint: 'Check that OS_STORAGE_URL or the catalog leads to Swift, and not to a login page or a proxy.',
    retry: 'later',
  });
}

/** The sentence of a page such as `<html><h1>Not Found</h1><p>The resource could not be found.</p></html>`. */
function textOf(body: Uint8Array): string {
  const text = utf8Lossy(body);
  return text.startsWith('<') ? (/<p>([^<]*)<\/p>/u.exec(text)?.[1] ?? '') : text;
}
