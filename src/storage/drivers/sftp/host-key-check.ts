import { readFile } from 'node:fs/promises';
import { CairnError, messageOf, systemCode } from '../../../base/errors.ts';
import {
  fingerprintOf,
  judgeHostKey,
  keyTypeOf,
  type KnownHost,
  knownHostName,
  knownKeyTypes,
  parseKnownHosts,
} from './known-hosts.ts';
import { choose } from './ssh-algorithms.ts';

export interface HostKeyPolicy {
  readonly host: string;
  readonly port: number;
  /** `HostKeyAlias` of ssh_config: the name to look up instead of host and port. */
  readonly alias: string | undefined;
  readonly files: readonly string[];
  /** `SHA256:…`: only this key, and the files are not asked. */
  readonly pinned: string | undefined;
  /** `HostKeyAlgorithms` of ssh_config. */
  readonly algorithms: string | undefined;
  /** `RevokedHostKeys`: a file of keys that no server may show, pinned or not. */
  readonly revoked: string | undefined;
}

/** Decides whether the key that a server shows is the one it should show. */
export interface HostKeyCheck {
  /** Signature algorithms to ask the server for, best first. */
  readonly algorithms: readonly string[];
  /** What is wrong with the key; `undefined` where it is right. */
  refuse(key: Buffer): CairnError | undefined;
}

// An RSA key signs in three ways; SHA-1 last, for old servers that know nothing else (RFC 8332).
const ALGORITHMS: readonly (readonly [keyType: string, algorithms: readonly string[]])[] = [
  ['ssh-ed25519', ['ssh-ed25519']],
  ['ecdsa-sha2-nistp256', ['ecdsa-sha2-nistp256']],
  ['ecdsa-sha2-nistp384', ['ecdsa-sha2-nistp384']],
  ['ecdsa-sha2-nistp521', ['ecdsa-sha2-nistp521']],
  ['ssh-rsa', ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa']],
];

/** Reads what is known of the host. A file that is not there knows nothing. */
export async function loadHostKeyCheck(policy: HostKeyPolicy, signal?: AbortSignal): Promise<HostKeyCheck> {
  const revoked = policy.revoked === undefined ? [] : await loadRevoked(policy.revoked, signal);
  const refuseRevoked = (key: Buffer): CairnError | undefined =>
    revoked.some((one) => one.equals(key))
      ? changed(policy, key, `has been revoked (${policy.revoked ?? ''})`)
      : undefined;
  // In our order: a key that is known is the one to ask for.
  const allowed = (names: readonly string[]): readonly string[] => {
    const chosen = choose('HostKeyAlgorithms', policy.algorithms, names);
    return names.filter((name) => chosen.includes(name));
  };
  if (policy.pinned !== undefined) {
    const { pinned } = policy;
    return {
      algorithms: allowed(ALGORITHMS.flatMap(([, names]) => names)),
      refuse: (key) => refuseRevoked(key) ?? refusePinned(policy, pinned, key),
    };
  }
  const entries: KnownHost[] = [];
  for (const file of policy.files) entries.push(...parseKnownHosts(await readIfThere(file, signal), file));
  const name = policy.alias?.toLowerCase() ?? knownHostName(policy.host, policy.port);
  return {
    algorithms: allowed(preferKnown(knownKeyTypes(entries, name))),
    refuse: (key) => refuseRevoked(key) ?? refuseUnlessKnown(policy, name, entries, key),
  };
}

/** One public key a line. As with OpenSSH, no server is trusted where the file cannot be read. */
async function loadRevoked(file: string, signal: AbortSignal | undefined): Promise<Buffer[]> {
  const hint = 'Correct RevokedHostKeys in the SSH configuration: a file with one public key a line.';
  const facts = { path: file };
  let text: string;
  try {
    text = await readFile(file, { encoding: 'latin1', signal });
  } catch (error) {
    signal?.throwIfAborted();
    const why = messageOf(error);
    throw new CairnError('CONFIG_INVALID', `cannot read the revoked host keys: ${why}`, { hint, facts, cause: error });
  }
  // PROTOCOL.krl of OpenSSH: a binary list of serial numbers, ids and hashes.
  if (text.startsWith('SSHKRL\n'))
    throw new CairnError('CONFIG_INVALID', `${file} is a key revocation list (KRL), which is not understood`, {
      hint,
      facts,
    });
  return text.split('\n').flatMap((line) => {
    const [type, encoded] = line.trim().split(/\s+/u);
    const key = Buffer.from(encoded ?? '', 'base64');
    return type !== undefined && keyTypeOf(key) === type ? [key] : [];
  });
}

/** A server has several keys; asked for one that is not known it would look like a stranger. */
function preferKnown(types: readonly string[]): string[] {
  const sorted = ALGORITHMS.toSorted(([a], [b]) => Number(types.includes(b)) - Number(types.includes(a)));
  return sorted.flatMap(([, names]) => names);
}

async function readIfThere(file: string, signal: AbortSignal | undefined): Promise<string> {
  try {
    return await readFile(file, { encoding: 'utf8', signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (systemCode(error) === 'ENOENT') return '';
    throw new CairnError('STORAGE_DENIED', `cannot read ${file}, which says which SSH servers are known`, {
      hint: 'Make the file readable for this user, or pin the key with ?host-key=SHA256:… in the address.',
      cause: error,
      facts: { path: file },
    });
  }
}

function refusePinned(policy: HostKeyPolicy, pinned: string, key: Buffer): CairnError | undefined {
  const shown = fingerprintOf(key);
  if (shown === pinned) return undefined;
  return new CairnError(
    'STORAGE_HOST_CHANGED',
    `${policy.host} shows another host key than the pinned one: ${shown} (${keyTypeOf(key)}) instead of ${pinned}`,
    {
      hint:
        'Somebody may be between you and the server. A server has one key of each type: compare all its fingerprints ' +
        '(`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` there) before you change host-key in the address.',
      facts: { host: policy.host, port: policy.port, fingerprint: shown, pinned },
    },
  );
}

function refuseUnlessKnown(
  policy: HostKeyPolicy,
  name: string,
  entries: readonly KnownHost[],
  key: Buffer,
): CairnError | undefined {
  const verdict = judgeHostKey(entries, name, key);
  switch (verdict.kind) {
    case 'known':
      return undefined;
    case 'unknown':
      return unknownHost(policy, name, key, verdict.hasAuthority);
    case 'changed':
      return changed(policy, key, `is not the one that is known of it (${verdict.places.join(', ')})`);
    case 'revoked':
      return changed(policy, key, `has been revoked (${verdict.place})`);
    default:
      return verdict satisfies never;
  }
}

function unknownHost(policy: HostKeyPolicy, name: string, key: Buffer, hasAuthority: boolean): CairnError {
  const fingerprint = fingerprintOf(key);
  const line = `${name} ${keyTypeOf(key)} ${key.toString('base64')}`;
  const certificates = hasAuthority ? ' Host certificates (@cert-authority) are not supported.' : '';
  return new CairnError(
    'STORAGE_HOST_UNKNOWN',
    `the SSH server ${name} is not known; it shows the host key ${fingerprint} (${keyTypeOf(key)})`,
    {
      hint:
        `Compare that fingerprint with the server's own, then add the key: echo '${line}' >> ${policy.files[0] ?? '~/.ssh/known_hosts'} ` +
        `— or pin it in the address with ?host-key=${fingerprint}.${certificates}`,
      facts: { host: policy.host, port: policy.port, fingerprint, line },
    },
  );
}

function changed(policy: HostKeyPolicy, key: Buffer, what: string): CairnError {
  const fingerprint = fingerprintOf(key);
  return new CairnError(
    'STORAGE_HOST_CHANGED',
    `DANGER: the host key of ${policy.host} ${what}: it shows ${fingerprint} (${keyTypeOf(key)}). ` +
      'Somebody may be between you and the server',
    {
      hint:
        'Nothing was sent. Ask whoever runs the server whether its key was replaced, and compare the fingerprint; ' +
        'only then change the line in known_hosts.',
      facts: { host: policy.host, port: policy.port, fingerprint },
    },
  );
}
