import { posix } from 'node:path';
import type { CairnError } from '../../base/errors.ts';
import { isObjectName } from '../object-name.ts';

/** A folder in a bucket or container, as storage URLs have it. */
export interface ContainerPlace {
  readonly container: string;
  /** Without slashes at its ends; empty for all of it. */
  readonly prefix: string;
  /** Behind the question mark. */
  readonly query: string;
}

/**
 * Parses what follows the scheme: restic's `CONTAINER:/PREFIX`, with or without the slash, or `//CONTAINER/PREFIX`; behind
 * either, a query. The name of the container is for the driver to check. `invalid` makes the error.
 */
export function parseContainerPlace(text: string, invalid: (message: string) => CairnError): ContainerPlace {
  const at = text.indexOf('?');
  const place = at < 0 ? text : text.slice(0, at);
  const match = place.startsWith('//') ? /^\/\/([^/]*)(.*)$/su.exec(place) : /^([^:/]*)(?::(.*))?$/su.exec(place);
  const [, container = '', path = ''] = match ?? [];
  const prefix = posix.normalize(`/${path}`).replaceAll(/^\/+|\/+$/gu, '');
  if (prefix !== '' && !isObjectName(prefix))
    throw invalid('the prefix in the address is not valid: it is printable ASCII');
  return { container, prefix, query: at < 0 ? '' : text.slice(at + 1) };
}

/** The key of an object: its name below the prefix. */
export function keyBelow({ prefix }: Pick<ContainerPlace, 'prefix'>, name: string): string {
  return prefix === '' ? name : `${prefix}/${name}`;
}
