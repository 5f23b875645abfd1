import { describe, expect, it } from 'vitest';
import { isLocalAddress, parseListenAddress } from '../http/listen-address.ts';
import { planRestSettings, type RestSettingsInput } from './rest-settings.ts';

const asked = (input: Partial<RestSettingsInput>): RestSettingsInput => ({
  listen: '127.0.0.1:8000',
  auth: true,
  htpasswd: undefined,
  privateRepos: false,
  tlsCert: undefined,
  tlsKey: undefined,
  ...input,
});

const warned = (input: Partial<RestSettingsInput>): readonly string[] => planRestSettings(asked(input)).warnings;

describe('settings', () => {
  it.each(['127.0.0.1:8000', '0.0.0.0:8000', 'unix:/run/x'])('without users are refused on %s', (listen) => {
    expect(() => planRestSettings(asked({ listen }))).toThrow(
      expect.objectContaining({ code: 'USAGE', hint: expect.stringContaining('--no-auth') }),
    );
  });

  it.each([
    { auth: false, htpasswd: 'users' },
    { auth: false, privateRepos: true },
    { htpasswd: 'users', tlsCert: 'cert.pem' },
    { htpasswd: 'users', tlsKey: 'key.pem' },
  ])('that contradict each other are refused: %j', (input) => {
    expect(() => planRestSettings(asked(input))).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  it('that are open to a network are warned of', () => {
    expect(warned({ auth: false, listen: '0.0.0.0:8000' })).toEqual([expect.stringContaining('everybody')]);
    expect(warned({ htpasswd: 'users', listen: '10.0.0.1:8000' })).toEqual([expect.stringContaining('TLS')]);
    expect(warned({ htpasswd: 'users', listen: '[::]:1', tlsCert: 'c', tlsKey: 'k' })).toEqual([]);
    expect(warned({ auth: false })).toEqual([]);
  });
});

describe('an address', () => {
  it.each([
    ['127.0.0.1:8000', { kind: 'tcp', host: '127.0.0.1', port: 8000 }],
    [':0', { kind: 'tcp', host: '127.0.0.1', port: 0 }],
    ['[::1]:80', { kind: 'tcp', host: '::1', port: 80 }],
    ['backup.example:65535', { kind: 'tcp', host: 'backup.example', port: 65_535 }],
    ['unix:/run/cairn.sock', { kind: 'unix', path: '/run/cairn.sock' }],
  ])('%s is understood', (text, address) => {
    expect(parseListenAddress(text)).toEqual(address);
  });

  it.each([
    '',
    '8000',
    'host',
    'host:',
    'host:65536',
    '::1:80',
    '[::1]',
    '[x]:1',
    'a:b:1',
    'unix:run',
    `unix:/${'x'.repeat(120)}`,
  ])('%j is refused', (text) => {
    expect(() => parseListenAddress(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  it.each([
    ['127.9.9.9:1', true],
    ['localhost:1', true],
    ['[::1]:1', true],
    ['unix:/x', true],
    ['0.0.0.0:1', false],
    ['[::]:1', false],
    ['localhost.example:1', false],
  ])('%s is local: %s', (text, local) => {
    expect(isLocalAddress(parseListenAddress(text))).toBe(local);
  });
});
