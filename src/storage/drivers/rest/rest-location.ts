import { CairnError } from '../../../base/errors.ts';
import { Secret } from '../../../base/secret.ts';
import { secretVariable } from '../../../base/secret-variable.ts';

/** Where a repository lies on a REST server. */
export interface RestLocation {
  /** Ends in `/`; without user and password. */
  readonly base: URL;
  /** From the URL; where it has none, the environment is asked. */
  readonly login: RestLogin | undefined;
  /** A Unix socket to connect to instead of the host. */
  readonly socketPath: string | undefined;
}

export interface RestLogin {
  readonly user: string;
  readonly password: Secret;
}

/**
 * Parses `rest:http(s)://[USER[:PASSWORD]@]HOST[:PORT]/PATH/` or, as restic has it,
 * `rest:http(s)+unix:///SOCKET:/PATH/`. Throws `STORAGE_URL_INVALID`, whose text repeats nothing of the URL.
 */
export function parseRestUrl(url: string): RestLocation {
  const text = url.replace(/^rest:/i, '');
  const socket = /^(https?)\+unix:\/\/(?:([^/@]*)@)?(\/[^:]+)(?::(\/.*)?)?$/i.exec(text);
  if (socket === null) return fromUrl(text, undefined);
  const [, scheme = '', login, socketPath = '', path = '/'] = socket;
  return fromUrl(`${scheme}://${login === undefined ? '' : `${login}@`}localhost${path}`, socketPath);
}

function fromUrl(text: string, socketPath: string | undefined): RestLocation {
  const url = URL.parse(text);
  if (url === null || !/^https?:\/\/[^/]/i.test(text)) throw invalid('not a valid rest: URL');
  if (url.search !== '' || url.hash !== '') throw invalid('a rest: URL has no ? and no #');
  const login = loginOf(url);
  const base = new URL(url);
  base.username = '';
  base.password = '';
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  return { base, login, socketPath };
}

function loginOf({ username, password }: URL): RestLogin | undefined {
  if (username === '') return undefined;
  try {
    return { user: decodeURIComponent(username), password: new Secret(decodeURIComponent(password)) };
  } catch {
    throw invalid('the user or password of the rest: URL has a % that begins no escape');
  }
}

/** The URL for people: without user and password. */
export function describeRestLocation({ base, socketPath }: RestLocation): string {
  if (socketPath === undefined) return `rest:${base.href}`;
  return `rest:${base.protocol.slice(0, -1)}+unix://${socketPath}:${base.pathname}`;
}

/** What the environment says of a login, where the URL has none: ours first, then restic's. */
export function loginOfEnvironment(env: NodeJS.ProcessEnv): RestLogin | undefined {
  for (const prefix of ['CAIRN', 'RESTIC']) {
    const user = secretVariable(env, `${prefix}_REST_USERNAME`);
    if (user === undefined) continue;
    return { user, password: new Secret(secretVariable(env, `${prefix}_REST_PASSWORD`) ?? '') };
  }
  return undefined;
}

function invalid(message: string): CairnError {
  return new CairnError('STORAGE_URL_INVALID', message, {
    hint: 'Write rest:https://HOST:PORT/PATH/, or rest:http+unix:///SOCKET:/PATH/, and the login in RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD.',
  });
}
