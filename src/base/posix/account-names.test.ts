import { describe, expect, it } from 'vitest';
import { createAccountNames, parseAccounts } from './account-names.ts';

describe('parseAccounts', () => {
  it('takes the first name of an id and skips what is no account', () => {
    const names = parseAccounts('root:x:0:0::/:\ntoor:x:0:0::/:\n# note\n+nis\n\nbad:x:abc:\n:x:5:\nweb:x:33:33::/:');
    expect([...names]).toEqual([
      [0, 'root'],
      [33, 'web'],
    ]);
  });
});

describe('createAccountNames', () => {
  it('asks the name service once per unknown id', () => {
    const asked: number[] = [];
    const name = createAccountNames('/nonexistent', (id) => {
      asked.push(id);
      return id === 7 ? 'ldap-user' : undefined;
    });
    expect([name(7), name(7), name(8), name(8)]).toEqual(['ldap-user', 'ldap-user', undefined, undefined]);
    expect(asked).toEqual([7, 8]);
  });
});
