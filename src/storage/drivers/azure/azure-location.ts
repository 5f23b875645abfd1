import { posix } from 'node:path';
import { CairnError } from '../../../base/errors.ts';
import { UrlParameters } from '../url-parameters.ts';

/** A place in Azure Blob Storage; the account comes from the environment. */
export interface AzureLocation {
  readonly container: string;
  /** Without slashes at its ends; empty for the container itself. */
  readonly prefix: string;
}

// Azure's rule for containers: 3 to 63 lower-case letters, digits and single hyphens.
const CONTAINER = /^(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*$|^\$root$/;

/**
 * Parses `CONTAINER:/PREFIX`, restic's form behind `azure:`, with or without the slash. There are no parameters: what is behind a
 * question mark is refused, as in all addresses, and is no part of the prefix. Throws `STORAGE_URL_INVALID`.
 */
export function parseAzureLocation(text: string): AzureLocation {
  const [place = '', ...query] = text.split('?');
  new UrlParameters(query.join('?'), invalid).refuseOthers();
  const match = /^([^:/]*)(?::(.*))?$/s.exec(place);
  const [, container = '', path = ''] = match ?? [];
  if (!CONTAINER.test(container)) throw invalid('the Azure address has no valid container');
  const prefix = posix.normalize(`/${path}`).replaceAll(/^\/+|\/+$/g, '');
  if (!/^[\x20-\x5b\x5d-\x7e]*$/.test(prefix))
    throw invalid('the Azure address has no valid prefix: it is printable ASCII');
  return { container, prefix };
}

function invalid(message: string): CairnError {
  return new CairnError('STORAGE_URL_INVALID', message, {
    hint: 'Write azure:CONTAINER:/PREFIX; the account is in AZURE_ACCOUNT_NAME and AZURE_ACCOUNT_KEY.',
  });
}
