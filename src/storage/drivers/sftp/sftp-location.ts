import { posix } from 'node:path';
import { CairnError } from '../../../base/errors.ts';

// Two ways to write the same place, both restic's:
//
//   sftp:user@host:/srv/vault          scp's way; the path behind the second colon as it is, no port
//   sftp://user@host:2222//srv/vault   a URL; behind the host's slash is the path, so an absolute one has two
//
// A path without a leading slash starts where the server starts a session, normally in the user's home.

/** A place on an SFTP server. */
export interface SftpLocation {
  /** As it was given: a name, an address without brackets, or a `Host` of ssh_config. */
  readonly host: string;
  readonly port: number | undefined;
  readonly user: string | undefined;
  /** Normalised, without a slash at its end; absolute, or relative to where the server starts a session. */
  readonly path: string;
  /** `SHA256:…`: the only host key that is accepted; known_hosts is then not asked. */
  readonly hostKey: string | undefined;
  readonly connections: number | undefined;
}

const SFTP_FORMS = 'sftp:USER@HOST:PATH or sftp://USER@HOST[:PORT]//PATH';

const MOST_CONNECTIONS = 64;
const URL_FORM = /^sftp:\/\/(?:([^/?#]*)@)?(\[[^\]/?#]*\]|[^:@/?#[\]]*)(?::([^/?#]*))?(?:\/([^?#]*))?(?:\?([^#]*))?$/i;
const SCP_FORM = /^sftp:(?:([^/]*)@)?(\[[^\]/]*\]|[^:@/[\]]+):(.*)$/is;
// Names go into messages and, from ssh_config, into commands: nothing that a shell or a terminal would take up.
const HOST = /^[a-z0-9_][a-z0-9._:%-]*$|^::[a-f0-9.:%]*$/i;
const USER = /^[^\s\p{Cc}'"`$\\;&|<>(){}*?!#-][^\s\p{Cc}'"`$\\;&|<>(){}*?!#]*$/u;
const FINGERPRINT = /^SHA256:[A-Za-z0-9+/]{43}$/;

/** Parses either form. Throws `STORAGE_URL_INVALID`, whose text repeats nothing that may be a secret. */
export function parseSftpUrl(url: string): SftpLocation {
  return url.slice('sftp:'.length).startsWith('//') ? parseUrlForm(url) : parseScpForm(url);
}

/** The place as a URL that `parseSftpUrl` takes, without its options. */
export function describeSftpLocation({
  user,
  host,
  port,
  path,
}: Omit<SftpLocation, 'hostKey' | 'connections'>): string {
  const at = user === undefined ? '' : `${encodeURIComponent(user)}@`;
  const name = host.includes(':') ? `[${host}]` : host;
  const behind = port === undefined ? '' : `:${port}`;
  return `sftp://${at}${name}${behind}/${path.split('/').map(encodeURIComponent).join('/')}`;
}

function parseUrlForm(url: string): SftpLocation {
  const match = URL_FORM.exec(url);
  if (match === null) throw invalid('not a valid sftp:// URL');
  const [, user, host = '', port, path = '', query = ''] = match;
  return {
    ...parsePlace(user === undefined ? undefined : userOf(user), host),
    port: port === undefined ? undefined : parsePort(port),
    path: parsePath(decode(path)),
    ...parseOptions(query),
  };
}

function parseScpForm(url: string): SftpLocation {
  const match = SCP_FORM.exec(url);
  if (match === null) throw invalid('the SFTP address has no colon between host and path');
  const [, user, host = '', path = ''] = match;
  if (user?.includes(':') === true) throw passwordInside();
  return {
    ...parsePlace(user, host),
    port: undefined,
    path: parsePath(path),
    hostKey: undefined,
    connections: undefined,
  };
}

function parsePlace(user: string | undefined, host: string): { user: string | undefined; host: string } {
  const name = host.replace(/^\[(.*)\]$/s, '$1');
  if (!HOST.test(name)) throw invalid('the SFTP address has no valid host');
  if (user !== undefined && !USER.test(user)) throw invalid('the SFTP address has no valid user');
  return { user, host: name };
}

function userOf(text: string): string {
  // A password in an address ends up in histories, process lists and logs.
  if (text.includes(':')) throw passwordInside();
  return decode(text);
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^[0-9]{1,5}$/.test(text) || port < 1 || port > 65_535) throw invalid('the SFTP address has no valid port');
  return port;
}

function parsePath(path: string): string {
  if (path === '') throw invalid('the SFTP address names no directory');
  if (path.includes('\0')) throw invalid('the SFTP path contains a NUL character');
  if (path.startsWith('~')) {
    throw invalid(
      'an SFTP server does not know ~',
      'Leave "~/" away: a path without a leading slash starts in the home.',
    );
  }
  const plain = posix.normalize(path);
  return plain.length > 1 && plain.endsWith('/') ? plain.slice(0, -1) : plain;
}

function parseOptions(query: string): Pick<SftpLocation, 'hostKey' | 'connections'> {
  let hostKey: string | undefined;
  let connections: number | undefined;
  for (const part of query.split('&').filter((text) => text !== '')) {
    const [name = '', value = ''] = part.split(/=(.*)/s, 2).map(decode);
    if (name === 'host-key') hostKey = parseFingerprint(value);
    else if (name === 'connections') connections = parseConnections(value);
    else throw invalid('the SFTP address has an unknown option', 'There are host-key=SHA256:… and connections=N.');
  }
  return { hostKey, connections };
}

function parseFingerprint(text: string): string {
  const plain = text.replace(/=+$/, '');
  if (FINGERPRINT.test(plain)) return plain;
  throw invalid('host-key is no fingerprint', 'It looks like SHA256:… and is printed by `ssh-keygen -lf KEY.pub`.');
}

function parseConnections(text: string): number {
  const count = Number(text);
  if (/^[0-9]+$/.test(text) && count >= 1 && count <= MOST_CONNECTIONS) return count;
  throw invalid(`connections must be a number from 1 to ${MOST_CONNECTIONS}`);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('the SFTP address has a % that starts no escape', 'Write %25 for a percent sign.');
  }
}

function passwordInside(): CairnError {
  return invalid(
    'the SFTP address holds a password',
    'Use a key or an agent, or put the password into the variable CAIRN_SSH_PASSWORD.',
  );
}

function invalid(
  message: string,
  hint = `Write ${SFTP_FORMS}; without a leading slash PATH starts in the home.`,
): CairnError {
  return new CairnError('STORAGE_URL_INVALID', message, { hint });
}
