import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CairnError, messageOf, systemCode } from '../../../base/errors.ts';
import { isLoopbackHost } from '../../../base/loopback-host.ts';
import { Secret } from '../../../base/secret.ts';
import { secretVariable } from '../../../base/secret-variable.ts';
import { homeFolder } from '../../../base/user-folder.ts';
import { type Environment, valueOf } from '../url-parameters.ts';

/** What shows Google who we are ("How Application Default Credentials works", Google Cloud documentation). */
export type GoogleCredentials =
  /** A token that somebody else has got: it ends, and cannot be renewed. */
  | { readonly kind: 'token'; readonly token: Secret }
  | ServiceAccount
  | AuthorizedUser
  /** Of a kind that Google's own library knows: workload identity, impersonation. */
  | { readonly kind: 'library'; readonly path: string; readonly type: string }
  /** The machine runs at Google, which hands out tokens there. */
  | { readonly kind: 'metadata'; readonly host: string };

/** A key of a service account. */
export interface ServiceAccount {
  readonly kind: 'service-account';
  readonly email: string;
  readonly privateKey: Secret;
  readonly privateKeyId: string | undefined;
  readonly tokenUrl: URL;
  readonly project: string | undefined;
}

/** What `gcloud auth application-default login` leaves. */
export interface AuthorizedUser {
  readonly kind: 'authorized-user';
  readonly clientId: string;
  readonly clientSecret: Secret;
  readonly refreshToken: Secret;
  readonly tokenUrl: URL;
  readonly project: string | undefined;
}

const TOKEN_URL = 'https://oauth2.googleapis.com/token';
const METADATA_HOST = '169.254.169.254';

/**
 * Finds credentials as Google's own programs do: `GOOGLE_ACCESS_TOKEN`, the file of `GOOGLE_APPLICATION_CREDENTIALS`, the
 * one that gcloud wrote, the server of the machine. Asks no server yet. Throws `CONFIG_INVALID` for a file that is none.
 */
export async function findGoogleCredentials(
  environment: Environment,
  signal?: AbortSignal,
): Promise<GoogleCredentials> {
  const token = secretVariable(environment, 'GOOGLE_ACCESS_TOKEN');
  if (token !== undefined) return { kind: 'token', token: new Secret(token.trim()) };
  const named = valueOf(environment['GOOGLE_APPLICATION_CREDENTIALS']);
  const path = named ?? gcloudFile(environment);
  const text = path === undefined ? undefined : await readCredentials(path, named !== undefined, signal);
  if (path !== undefined && text !== undefined) return parseGoogleCredentials(text, path);
  return { kind: 'metadata', host: valueOf(environment['GCE_METADATA_HOST']) ?? METADATA_HOST };
}

/** Where gcloud keeps the login of this user; undefined where the variables name no home. */
function gcloudFile(environment: Environment): string | undefined {
  const name = 'application_default_credentials.json';
  const folder = valueOf(environment['CLOUDSDK_CONFIG']);
  if (folder !== undefined) return join(folder, name);
  const appData = process.platform === 'win32' ? valueOf(environment['APPDATA']) : undefined;
  if (appData !== undefined) return join(appData, 'gcloud', name);
  const home = homeFolder(environment);
  return home === undefined ? undefined : join(home, '.config', 'gcloud', name);
}

async function readCredentials(
  path: string,
  isNamed: boolean,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    return await readFile(path, { encoding: 'utf8', signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (!isNamed && systemCode(error) === 'ENOENT') return undefined;
    throw new CairnError('CONFIG_INVALID', `cannot read the credentials file ${path}: ${messageOf(error)}`, {
      hint: 'GOOGLE_APPLICATION_CREDENTIALS names the JSON file of a service account.',
      cause: error,
      facts: { path },
    });
  }
}

/** Reads a JSON file of credentials; `path` is for messages, which repeat nothing of the file. */
export function parseGoogleCredentials(text: string, path: string): GoogleCredentials {
  const file = new CredentialsFile(text, path);
  const type = file.required('type');
  const tokenUrl = file.tokenUrl();
  const project = file.text('project_id') ?? file.text('quota_project_id');
  switch (type) {
    case 'service_account':
      return {
        kind: 'service-account',
        email: file.required('client_email'),
        privateKey: new Secret(file.required('private_key')),
        privateKeyId: file.text('private_key_id'),
        tokenUrl,
        project,
      };
    case 'authorized_user':
      return {
        kind: 'authorized-user',
        clientId: file.required('client_id'),
        clientSecret: new Secret(file.required('client_secret')),
        refreshToken: new Secret(file.required('refresh_token')),
        tokenUrl,
        project,
      };
    case 'external_account':
    case 'external_account_authorized_user':
    case 'impersonated_service_account':
      return { kind: 'library', path, type };
    default:
      throw file.invalid('it is of a type that is not known');
  }
}

class CredentialsFile {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #path: string;

  constructor(text: string, path: string) {
    this.#path = path;
    this.#values = this.#parse(text);
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? valueOf(value) : undefined;
  }

  required(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw this.invalid(`it has no ${name}`);
    return value;
  }

  /** Where tokens are asked for: secrets go there, so only over TLS or to this machine itself. */
  tokenUrl(): URL {
    const url = URL.parse(this.text('token_uri') ?? TOKEN_URL);
    const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopbackHost(url.hostname));
    if (url === null || !isSafe) throw this.invalid('its token_uri is no https:// address');
    return url;
  }

  invalid(why: string): CairnError {
    return new CairnError('CONFIG_INVALID', `${this.#path} holds no credentials of Google: ${why}`, {
      hint: 'Make a key of a service account in the console (IAM, Service accounts, Keys), and name its JSON file.',
      facts: { path: this.#path },
    });
  }

  #parse(text: string): Readonly<Record<string, unknown>> {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      // Not kept as a cause: its text may repeat a part of the key.
      throw this.invalid('it is no JSON');
    }
    if (typeof value !== 'object' || value === null) throw this.invalid('it is no object');
    return { ...value };
  }
}
