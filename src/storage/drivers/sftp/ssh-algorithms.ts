// What ssh_config says of ciphers and the like. Whoever names them there does not want the others used.
import { CairnError } from '../../../base/errors.ts';
import { matchesHostPatterns } from './host-pattern.ts';

/** Undefined where ssh2's own choice is meant. */
export interface SshAlgorithms {
  readonly cipher: readonly string[];
  readonly kex: readonly string[] | undefined;
  readonly hmac: readonly string[] | undefined;
}

// AES-GCM is done by the processor; the rest for servers that lack it.
const CIPHERS = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'aes128-ctr',
  'aes256-ctr',
  'chacha20-poly1305@openssh.com',
];
// What ssh2 uses where nothing is said; what it knows besides is broken or nearly so.
const KEX = [
  'curve25519-sha256',
  'curve25519-sha256@libssh.org',
  'ecdh-sha2-nistp256',
  'ecdh-sha2-nistp384',
  'ecdh-sha2-nistp521',
  'diffie-hellman-group-exchange-sha256',
  'diffie-hellman-group14-sha256',
  'diffie-hellman-group15-sha512',
  'diffie-hellman-group16-sha512',
  'diffie-hellman-group17-sha512',
  'diffie-hellman-group18-sha512',
];
const MACS = [
  'hmac-sha2-256-etm@openssh.com',
  'hmac-sha2-512-etm@openssh.com',
  'hmac-sha1-etm@openssh.com',
  'hmac-sha2-256',
  'hmac-sha2-512',
  'hmac-sha1',
];

/** `value` gives what ssh_config says of a keyword in lower case. Throws `CONFIG_INVALID` where it leaves nothing. */
export function algorithmsOf(value: (keyword: string) => string | undefined): SshAlgorithms {
  const kex = value('kexalgorithms');
  const macs = value('macs');
  return {
    cipher: choose('Ciphers', value('ciphers'), CIPHERS),
    kex: kex === undefined ? undefined : choose('KexAlgorithms', kex, KEX),
    hmac: macs === undefined ? undefined : choose('MACs', macs, MACS),
  };
}

/**
 * What a list of ssh_config(5) leaves of `ours`, in its order of preference: with `+` before it our own, since it takes
 * nothing away; with `-` our own without those; with `^` those first.
 */
export function choose(keyword: string, list: string | undefined, ours: readonly string[]): readonly string[] {
  if (list === undefined || list.startsWith('+')) return ours;
  const sign = /^[-^]/u.exec(list)?.[0];
  const patterns = list.slice(sign?.length ?? 0).split(',');
  const named = patterns.flatMap((pattern) => ours.filter((name) => matchesHostPatterns(name, [pattern])));
  const others = ours.filter((name) => !named.includes(name));
  const chosen = sign === '-' ? others : sign === '^' ? [...named, ...others] : named;
  if (chosen.length > 0) return [...new Set(chosen)];
  throw new CairnError('CONFIG_INVALID', `${keyword} of the SSH configuration leaves nothing that can be used`, {
    hint: `Add one of these for this host: ${ours.join(', ')}.`,
  });
}
