import { expect, it } from 'vitest';
import { withoutSecretVariables } from './secret-variables.ts';

it.each([
  'CAIRN_PASSWORD',
  'CAIRN_FROM_PASSWORD',
  'CAIRN_TO_PASSWORD',
  'CAIRN_VALUE_PASSWORD',
  'CAIRN_REST_PASSWORD',
  'CAIRN_SSH_PASSWORD',
  'CAIRN_SSH_PASSPHRASE',
  'RESTIC_PASSWORD',
  'RESTIC_PASSWORD2',
  'RESTIC_FROM_PASSWORD',
  'RESTIC_REST_PASSWORD',
  'BAKTHAT_PASSWORD',
])('programs of others are not given %s', (name) => {
  expect(withoutSecretVariables({ [name]: 'x', PATH: '/bin' })).toEqual({ PATH: '/bin' });
});

it.each(['CAIRN_PASSWORD_FILE', 'CAIRN_PASSWORD_COMMAND', 'CAIRN_VAULT', 'PGPASSWORD', 'AWS_SECRET_ACCESS_KEY'])(
  'but %s, which they may need and which holds no password of a vault',
  (name) => {
    expect(withoutSecretVariables({ [name]: 'x' })).toEqual({ [name]: 'x' });
  },
);
