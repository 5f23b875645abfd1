import { CairnError } from '../../base/errors.ts';
import { isLocalAddress, type ListenAddress, parseListenAddress } from '../http/listen-address.ts';

/** What the user asked for, before it is known to make sense. */
export interface RestSettingsInput {
  readonly listen: string;
  /** `false` for `--no-auth`. */
  readonly auth: boolean;
  readonly htpasswd: string | undefined;
  readonly privateRepos: boolean;
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
}

export interface RestSettings {
  readonly listen: ListenAddress;
  /** File of the users; `undefined`: everybody may come in. */
  readonly htpasswd: string | undefined;
  readonly privateRepos: boolean;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  /** What the user should know before the server starts. */
  readonly warnings: readonly string[];
}

/**
 * Decides how to serve, and refuses what would be open by mistake: that everybody may read and add backups has to be
 * said, also on this machine, which may have other users. Throws `USAGE`.
 */
export function planRestSettings(input: RestSettingsInput): RestSettings {
  const listen = parseListenAddress(input.listen);
  const { auth, htpasswd, privateRepos } = input;
  if (auth && htpasswd === undefined) {
    throw usage('there is no file of users, and whoever reaches the port could read and add backups', {
      hint: 'Make one with `htpasswd -B -c FILE USER` and give --htpasswd FILE; or say --no-auth if that is what you want.',
    });
  }
  if (!auth && htpasswd !== undefined) throw usage('--no-auth and --htpasswd exclude each other');
  if (!auth && privateRepos) throw usage('--private-repos needs users: give --htpasswd instead of --no-auth');
  const tls = planTls(input);
  return { listen, htpasswd, privateRepos, tls, warnings: warningsOf(listen, auth, tls !== undefined) };
}

/** Throws `USAGE` where only one of the two files is named. */
export function planTls({ tlsCert, tlsKey }: Pick<RestSettingsInput, 'tlsCert' | 'tlsKey'>): RestSettings['tls'] {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) throw usage('--tls-cert and --tls-key belong together');
  return { cert: tlsCert, key: tlsKey };
}

function warningsOf(listen: ListenAddress, auth: boolean, tls: boolean): readonly string[] {
  if (isLocalAddress(listen)) return [];
  const warnings: string[] = [];
  if (!auth) warnings.push('without users, everybody on the network can read, add and remove backups here');
  if (auth && !tls) warnings.push('without TLS, passwords cross the network readably; give --tls-cert and --tls-key');
  return warnings;
}

function usage(message: string, options: { readonly hint?: string } = {}): CairnError {
  return new CairnError('USAGE', message, options);
}
