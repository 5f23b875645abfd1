import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  fingerprintOf,
  judgeHostKey,
  keyTypeOf,
  knownHostName,
  knownKeyTypes,
  parseKnownHosts,
} from './known-hosts.ts';

/** An encoded key of the type whose content is the one byte: known_hosts does not look further. */
function keyOf(type: string, content: number): Buffer {
  const name = Buffer.from(type);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(name.length);
  return Buffer.concat([head, name, Buffer.alloc(32, content)]);
}

const line = (hosts: string, key: Buffer): string => `${hosts} ${keyTypeOf(key)} ${key.toString('base64')} a comment`;
const hashed = (name: string): string => {
  const salt = Buffer.alloc(20, 7);
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
};

const ours = keyOf('ssh-ed25519', 1);
const other = keyOf('ssh-ed25519', 2);
const rsa = keyOf('ssh-rsa', 3);
const judge = (lines: readonly string[], name: string, key: Buffer) =>
  judgeHostKey(parseKnownHosts(lines.join('\n'), 'file'), name, key);

describe('judgeHostKey', () => {
  it.each([
    ['by its name', line('nas', ours), 'nas'],
    ['among several names', line('web,nas,192.0.2.1', ours), 'nas'],
    ['by a pattern', line('*.example.com', ours), 'nas.example.com'],
    ['by a hashed name', line(hashed('nas'), ours), 'nas'],
    ['by name and port', line('[nas]:2222', ours), '[nas]:2222'],
    ['by a hashed name and port', line(hashed('[nas]:2222'), ours), '[nas]:2222'],
  ])('knows a host %s', (_, text, name) => {
    expect(judge([text], name, ours)).toEqual({ kind: 'known' });
  });

  it('knows a host by any of its keys', () => {
    expect(judge([line('nas', rsa), line('nas', other), line('nas', ours)], 'nas', ours)).toEqual({ kind: 'known' });
  });

  it.each([
    ['another host', line('web', ours), 'nas'],
    ['another port', line('nas', ours), '[nas]:2222'],
    ['a name that is ruled out', line('*,!nas', ours), 'nas'],
    ['a comment', `# ${line('nas', ours)}`, 'nas'],
    ['a line whose type is not that of its key', line('nas', ours).replace('ssh-ed25519', 'ssh-rsa'), 'nas'],
    ['half a line', 'nas ssh-ed25519', 'nas'],
    ['a marker that does not exist', `@trusted ${line('nas', ours)}`, 'nas'],
  ])('knows nothing from %s', (_, text, name) => {
    expect(judge([text], name, ours)).toEqual({ kind: 'unknown', hasAuthority: false });
  });

  it('says where the other key of a host stands', () => {
    expect(judge(['# first line', line('nas', other)], 'nas', ours)).toEqual({ kind: 'changed', places: ['file:2'] });
  });

  it('takes a key of a new type for a changed one: a stranger would show one too', () => {
    expect(judge([line('nas', rsa)], 'nas', ours)).toMatchObject({ kind: 'changed' });
  });

  it('refuses a revoked key, also where it is listed as known', () => {
    expect(judge([line('nas', ours), `@revoked ${line('*', ours)}`], 'nas', ours)).toEqual({
      kind: 'revoked',
      place: 'file:2',
    });
  });

  it('lets a host use its other key when one was revoked', () => {
    expect(judge([line('nas', ours), `@revoked ${line('nas', other)}`], 'nas', ours)).toEqual({ kind: 'known' });
  });

  it('does not take an authority for the host itself', () => {
    expect(judge([`@cert-authority ${line('*', ours)}`], 'nas', ours)).toEqual({ kind: 'unknown', hasAuthority: true });
  });
});

describe('knownKeyTypes', () => {
  it('are those of the host, once each, without revoked ones', () => {
    const lines = [line('nas', ours), line('nas', other), line('web', rsa), `@revoked ${line('nas', rsa)}`];
    expect(knownKeyTypes(parseKnownHosts(lines.join('\n'), 'file'), 'nas')).toEqual(['ssh-ed25519']);
  });
});

describe('names and fingerprints', () => {
  it('name the port only where it is not the usual one', () => {
    expect([knownHostName('NAS', 22), knownHostName('::1', 2222)]).toEqual(['nas', '[::1]:2222']);
  });

  it("are OpenSSH's", () => {
    // `ssh-keygen -lf` of this key says the same.
    const key = Buffer.from('AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f', 'base64');
    expect([keyTypeOf(key), fingerprintOf(key)]).toEqual([
      'ssh-ed25519',
      'SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA',
    ]);
  });
});
