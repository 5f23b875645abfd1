import { CairnError } from '../../../base/errors.ts';
import { parseContainerPlace } from '../container-place.ts';
import { HTTP_CONNECTIONS } from '../http/http-connections.ts';
import { type Environment, UrlParameters, valueOf } from '../url-parameters.ts';

/** A place in OpenStack Swift; server and account come from the login. */
export interface SwiftLocation {
  readonly container: string;
  /** Without slashes at its ends; empty for the whole container. */
  readonly prefix: string;
  /** Storage policy of containers that are made; the server's default if not said. */
  readonly policy: string | undefined;
  readonly caFile: string | undefined;
  readonly connections: number;
}

// Swift takes 256 bytes; the container of segments has a longer name.
const CONTAINER = /^[\x20-\x2e\x30-\x39\x3b-\x3e\x40-\x5b\x5d-\x7e]{1,240}$/u;

/**
 * Parses a storage URL that begins with `swift:`, with `SWIFT_DEFAULT_CONTAINER_POLICY` and `OS_CACERT` for what it does not
 * say. Throws `STORAGE_URL_INVALID`, whose text repeats nothing of the URL.
 */
export function parseSwiftLocation(url: string, environment: Environment): SwiftLocation {
  const { container, prefix, query } = parseContainerPlace(url.replace(/^swift:/iu, ''), invalid);
  if (!CONTAINER.test(container) || container === '.' || container === '..')
    throw invalid('the address names no container of Swift, or none that is valid');
  const parameters = new UrlParameters(query, invalid);
  const location: SwiftLocation = {
    container,
    prefix,
    policy: parameters.text('policy') ?? valueOf(environment['SWIFT_DEFAULT_CONTAINER_POLICY']),
    caFile: parameters.text('ca-file') ?? valueOf(environment['OS_CACERT']),
    connections: parameters.number('connections', 1, 256) ?? HTTP_CONNECTIONS,
  };
  parameters.refuseOthers();
  return location;
}

/** The location as people read it; parsing it gives the same place. */
export function describeSwiftLocation({ container, prefix }: SwiftLocation): string {
  return `swift:${container}:/${prefix}`;
}

function invalid(message: string): CairnError {
  return new CairnError('STORAGE_URL_INVALID', message, {
    hint: 'Write swift:CONTAINER:/PREFIX or swift://CONTAINER/PREFIX. docs/guides/swift.md lists the variables of the login.',
  });
}
