import { describe, expect, it } from 'vitest';
import { describeSwiftLocation, parseSwiftLocation } from './swift-location.ts';

describe('an address in Swift', () => {
  it.each([
    ['swift:backups:/', 'backups', ''],
    ['swift:backups:/prod/vault/', 'backups', 'prod/vault'],
    ['swift:my backups:prod', 'my backups', 'prod'],
    ['swift://backups', 'backups', ''],
    ['SWIFT://Backups_1/prod/vault', 'Backups_1', 'prod/vault'],
  ])('%s is the container %s', (url, container, prefix) => {
    const location = parseSwiftLocation(url, {});
    expect(location).toMatchObject({ container, prefix });
    expect(parseSwiftLocation(describeSwiftLocation(location), {})).toEqual(location);
  });

  it.each(['swift:', 'swift:/x', 'swift://', 'swift:..:/', 'swift:é:/', `swift:${'x'.repeat(241)}:/`, 'swift:c:/?x=1'])(
    'refuses %j',
    (url) => {
      expect(() => parseSwiftLocation(url, {})).toThrow(expect.objectContaining({ code: 'STORAGE_URL_INVALID' }));
    },
  );

  it('has its policy and its authority from the environment, or from its own parameters', () => {
    const environment = { SWIFT_DEFAULT_CONTAINER_POLICY: 'gold', OS_CACERT: '/ca.pem' };
    expect(parseSwiftLocation('swift:c:/', environment)).toMatchObject({ policy: 'gold', caFile: '/ca.pem' });
    expect(parseSwiftLocation('swift:c:/?policy=cold&connections=2', environment)).toMatchObject({
      policy: 'cold',
      connections: 2,
    });
  });
});
