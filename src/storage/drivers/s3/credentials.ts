import { CairnError, messageOf } from '../../../base/errors.ts';
import { secretVariable } from '../../../base/secret-variable.ts';
import { type AwsProfile, readAwsProfile } from './aws-profile.ts';
import { type Expiring, RenewedValue } from '../renewed-value.ts';
import type { Environment } from '../url-parameters.ts';
import type { S3Location } from './s3-location.ts';
import type { SigningKeys } from './sign-v4.ts';

export interface AwsCredentials extends SigningKeys, Expiring {}

/** Gives credentials, each time as they are now. */
export interface CredentialProvider {
  get(signal: AbortSignal | undefined): Promise<AwsCredentials>;
  /** A server says that the session of these has ended: the next `get` looks for others. False where there are no others. */
  drop(keys: AwsCredentials): boolean;
}

const PROVIDERS_PACKAGE = '@aws-sdk/credential-providers';
// Settings of a profile that say that its keys have to be asked for.
const DYNAMIC = [
  'role_arn',
  'sso_session',
  'sso_start_url',
  'credential_process',
  'web_identity_token_file',
  'login_session',
];

// Variables that say where to ask for keys.
const SOURCE_VARIABLES = [
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
];

export interface CredentialSources {
  readonly environment: Environment;
  /** Loads the package of AWS that knows roles, SSO and instance credentials. */
  readonly loadProviders?: () => Promise<unknown>;
}

/** What a location needs to sign requests, and the settings of its profile. */
export interface ResolvedCredentials {
  /** Undefined where requests are not signed. */
  readonly provider: CredentialProvider | undefined;
  readonly profile: AwsProfile | undefined;
}

/**
 * Finds credentials as the AWS command line does: a profile that is named, the environment, the default profile;
 * then what the optional package `@aws-sdk/credential-providers` finds (SSO, roles, containers, instances). Throws
 * `CREDENTIALS_MISSING` where there are none, `CONFIG_INVALID` for a profile that is not there.
 */
export async function resolveCredentials(
  location: Pick<S3Location, 'anonymous' | 'profile'>,
  { environment, loadProviders = importProviders }: CredentialSources,
  signal?: AbortSignal,
): Promise<ResolvedCredentials> {
  const named = location.profile ?? (environment['AWS_PROFILE'] || undefined);
  const profile = await readAwsProfile(named ?? 'default', environment, signal);
  if (location.anonymous) return { provider: undefined, profile };
  const fixed = location.profile === undefined ? keysOf(environmentKeys(environment)) : undefined;
  if (fixed !== undefined) return { provider: { get: async () => fixed, drop: () => false }, profile };
  // A profile may have a role and, for taking it, keys: then it is the role that is meant, and never the keys alone.
  const isRole = profile?.has('role_arn') === true;
  const inFile = isRole ? undefined : keysOf(profileKeys(profile));
  if (inFile !== undefined) return { provider: fileProvider(inFile, named ?? 'default', environment), profile };
  if (named !== undefined && profile === undefined) throw profileMissing(named);
  const why =
    DYNAMIC.find((setting) => profile?.has(setting) === true) ?? SOURCE_VARIABLES.find((name) => environment[name]);
  return { provider: await packageProvider(named, why, loadProviders), profile };
}

/** Keys of a profile. Whatever logs in for a while writes new ones into the same file. */
function fileProvider(keys: AwsCredentials, name: string, environment: Environment): CredentialProvider {
  let known: AwsCredentials | undefined = keys;
  const renewed = new RenewedValue(async () => {
    const found = known ?? keysOf(profileKeys(await readAwsProfile(name, environment, undefined))) ?? keys;
    known = undefined;
    return found;
  });
  return providerOf(renewed);
}

function providerOf(keys: RenewedValue<AwsCredentials>): CredentialProvider {
  return {
    get: (signal) => keys.get(signal),
    drop: (refused) => {
      keys.drop(refused);
      return true;
    },
  };
}

interface MaybeKeys {
  readonly id: string | undefined;
  readonly secret: string | undefined;
  readonly token: string | undefined;
}

function environmentKeys(environment: Environment): MaybeKeys {
  return {
    id: secretVariable(environment, 'AWS_ACCESS_KEY_ID'),
    secret: secretVariable(environment, 'AWS_SECRET_ACCESS_KEY'),
    token: secretVariable(environment, 'AWS_SESSION_TOKEN'),
  };
}

function profileKeys(profile: AwsProfile | undefined): MaybeKeys {
  return {
    id: profile?.get('aws_access_key_id'),
    secret: profile?.get('aws_secret_access_key'),
    token: profile?.get('aws_session_token'),
  };
}

function keysOf({ id, secret, token }: MaybeKeys): AwsCredentials | undefined {
  if (id === undefined || id === '' || secret === undefined || secret === '') return undefined;
  return {
    accessKeyId: id,
    secretAccessKey: secret,
    ...(token === undefined || token === '' ? {} : { sessionToken: token }),
    expiresAtMs: undefined,
  };
}

async function packageProvider(
  name: string | undefined,
  why: string | undefined,
  loadProviders: () => Promise<unknown>,
): Promise<CredentialProvider> {
  let make: () => () => Promise<unknown>;
  try {
    const module = await loadProviders();
    make = () => makeChain(module, name);
    make();
  } catch (error) {
    throw missing(why, error);
  }
  const keys = new RenewedValue(async () => {
    try {
      // A new one each time: it remembers what it found, also where the server does not take that any more.
      return parseCredentials(await make()());
    } catch (error) {
      throw missing(why, error);
    }
  });
  return providerOf(keys);
}

async function importProviders(): Promise<unknown> {
  // Not a literal, so that types and bundles do without the package.
  const name: string = PROVIDERS_PACKAGE;
  return await import(name);
}

function makeChain(module: unknown, profile: string | undefined): () => Promise<unknown> {
  if (typeof module !== 'object' || module === null || !('fromNodeProviderChain' in module))
    throw new TypeError(`${PROVIDERS_PACKAGE} has no fromNodeProviderChain`);
  const make = module.fromNodeProviderChain as (options: object) => () => Promise<unknown>;
  return make(profile === undefined ? {} : { profile });
}

function parseCredentials(value: unknown): AwsCredentials {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = value as Readonly<Record<string, unknown>>;
  if (typeof accessKeyId !== 'string' || typeof secretAccessKey !== 'string')
    throw new TypeError(`${PROVIDERS_PACKAGE} gave no keys`);
  return {
    accessKeyId,
    secretAccessKey,
    ...(typeof sessionToken === 'string' ? { sessionToken } : {}),
    expiresAtMs: expiration instanceof Date ? expiration.getTime() : undefined,
  };
}

function profileMissing(name: string): CairnError {
  return new CairnError('CONFIG_INVALID', `there is no AWS profile ${JSON.stringify(name)}`, {
    hint: 'Profiles are in ~/.aws/credentials and ~/.aws/config; `aws configure list-profiles` names them.',
    facts: { profile: name },
  });
}

function missing(why: string | undefined, cause: unknown): CairnError {
  const notThere = cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND';
  const isVariable = why?.startsWith('AWS_') === true;
  const reason =
    why === undefined ? '' : isVariable ? ` (${why} says where to ask for them)` : ` (the profile says ${why})`;
  const needed =
    `For SSO, roles, containers and instances install the package ${PROVIDERS_PACKAGE} beside cairn-backup ` +
    `(npm install ${PROVIDERS_PACKAGE}).`;
  const instead = isVariable
    ? `Look at what ${why} leads to, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.`
    : 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in again with the AWS command line.';
  return new CairnError(
    'CREDENTIALS_MISSING',
    `there are no S3 credentials${reason}${notThere ? '' : `: ${messageOf(cause)}`}`,
    {
      hint: notThere
        ? `Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or keys in ~/.aws/credentials. ${needed}`
        : instead,
      cause,
    },
  );
}
