import { createHash, createHmac } from 'node:crypto';
import { matchesHostPatterns } from './host-pattern.ts';

// known_hosts, as sshd(8) describes it under SSH_KNOWN_HOSTS FILE FORMAT. One key a line:
//
//   [@revoked|@cert-authority] HOSTS KEYTYPE BASE64 [COMMENT]
//
// HOSTS are patterns with commas between them, or |1|SALT|HASH with HASH = HMAC-SHA1(SALT, name). A host on
// another port than 22 is called [name]:port.

export interface KnownHost {
  readonly marker: 'none' | 'revoked' | 'cert-authority';
  readonly hosts: HostNames;
  readonly keyType: string;
  readonly key: Buffer;
  /** Where it stands, such as `/home/ann/.ssh/known_hosts:12`. */
  readonly place: string;
}

type HostNames =
  | { readonly kind: 'patterns'; readonly patterns: readonly string[] }
  | { readonly kind: 'hashed'; readonly salt: Buffer; readonly hash: Buffer };

/** What known_hosts says about the key that a host shows. */
export type HostKeyVerdict =
  | { readonly kind: 'known' }
  | { readonly kind: 'unknown'; readonly hasAuthority: boolean }
  /** The host is known by other keys. */
  | { readonly kind: 'changed'; readonly places: readonly string[] }
  | { readonly kind: 'revoked'; readonly place: string };

/** The entries of a known_hosts file. Lines that make no sense are left out, as OpenSSH does. */
export function parseKnownHosts(text: string, file: string): KnownHost[] {
  return text.split('\n').flatMap((line, index) => parseLine(line.trim(), `${file}:${index + 1}`) ?? []);
}

/** The name of a host in known_hosts. */
export function knownHostName(host: string, port: number): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/** Compares `key`, which the host called `name` shows, with what is known of that host. */
export function judgeHostKey(entries: readonly KnownHost[], name: string, key: Buffer): HostKeyVerdict {
  const ofHost = entries.filter((entry) => isOfHost(entry, name));
  const revoked = ofHost.find((entry) => entry.marker === 'revoked' && entry.key.equals(key));
  if (revoked !== undefined) return { kind: 'revoked', place: revoked.place };
  const plain = ofHost.filter(({ marker }) => marker === 'none');
  if (plain.some((entry) => entry.key.equals(key))) return { kind: 'known' };
  if (plain.length > 0) return { kind: 'changed', places: plain.map(({ place }) => place) };
  return { kind: 'unknown', hasAuthority: ofHost.some(({ marker }) => marker === 'cert-authority') };
}

/** Types of the keys that are known of a host: it is asked to show one of them. */
export function knownKeyTypes(entries: readonly KnownHost[], name: string): string[] {
  const types = entries
    .filter((entry) => entry.marker === 'none' && isOfHost(entry, name))
    .map((entry) => entry.keyType);
  return [...new Set(types)];
}

/** The fingerprint as OpenSSH prints it. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The type that an encoded key begins with (RFC 4253 §6.6). */
export function keyTypeOf(key: Buffer): string {
  const length = key.length < 4 ? 0 : key.readUInt32BE(0);
  return length > 0 && length <= 64 && length + 4 <= key.length ? key.toString('latin1', 4, 4 + length) : 'unknown';
}

function parseLine(line: string, place: string): KnownHost | undefined {
  if (line === '' || line.startsWith('#')) return undefined;
  const fields = line.split(/\s+/);
  const marker = line.startsWith('@') ? markerOf(fields.shift()) : 'none';
  const [hostField, keyType, encoded] = fields;
  if (marker === undefined || hostField === undefined || keyType === undefined || encoded === undefined)
    return undefined;
  const hosts = parseHosts(hostField);
  const key = Buffer.from(encoded, 'base64');
  // Old RSA1 lines and broken ones: a type that is not the one inside the key.
  if (hosts === undefined || keyTypeOf(key) !== keyType) return undefined;
  return { marker, hosts, keyType, key, place };
}

function markerOf(text: string | undefined): KnownHost['marker'] | undefined {
  if (text === '@revoked') return 'revoked';
  return text === '@cert-authority' ? 'cert-authority' : undefined;
}

function parseHosts(field: string): HostNames | undefined {
  if (!field.startsWith('|')) return { kind: 'patterns', patterns: field.split(',').filter((text) => text !== '') };
  const [, version, salt, hash] = field.split('|');
  if (version !== '1' || salt === undefined || hash === undefined) return undefined;
  return { kind: 'hashed', salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') };
}

function isOfHost({ hosts }: KnownHost, name: string): boolean {
  if (hosts.kind === 'patterns') return matchesHostPatterns(name, hosts.patterns);
  return createHmac('sha1', hosts.salt).update(name).digest().equals(hosts.hash);
}
