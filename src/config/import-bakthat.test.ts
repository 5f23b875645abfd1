import { describe, expect, it } from 'vitest';
import { importBakthat } from './import-bakthat.ts';

const FILE = '/home/u/.bakthat.yml';

function vaultsOf(text: string): Record<string, unknown> {
  const { edits } = importBakthat(FILE, text);
  return Object.fromEntries(
    edits.filter(({ path }) => path[0] === 'vaults').map(({ path, value }) => [path[1], value]),
  );
}

describe('the file of bakthat', () => {
  const text = `
default:
  access_key: AKIA
  secret_key: hunter2
  region_name: eu-west-1
  s3_bucket: backups
  glacier_vault: vault
  default_destination: s3
  rotation: { days: 7, weeks: 6, months: 6, first_week_day: 5 }
  plugins: [test_plugin.MyPlugin]
  plugins_dir: /home/u/.bakthat_plugins
cold: { access_key: A, secret_key: B, s3_bucket: deep, default_destination: glacier, compress: false }
sync: { url: https://sync.example, username: me, password: hunter3, auto: true }
`;

  it('B05: has profiles as its keys, and `sync` beside them', () => {
    const { edits, notes } = importBakthat(FILE, text);
    expect(edits.map(({ path }) => path.join('.'))).toEqual([
      'vaults.main',
      'vaults.cold',
      'profiles.cold.default.vault',
      'default.vault',
    ]);
    expect(notes.filter((note) => note.startsWith('sync:'))).toHaveLength(1);
  });

  it('B06: gives a vault its address, keys, compression of archives and rotation', () => {
    expect(vaultsOf(text)).toEqual({
      main: {
        url: 's3://backups/cairn?region=eu-west-1',
        env: { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'hunter2' },
        archives: { compression: 'gzip' },
        keep: { days: 7, weeks: 6, months: 6, firstWeekday: 'saturday' },
      },
      cold: {
        url: 's3://deep/cairn?region=us-east-1',
        env: { AWS_ACCESS_KEY_ID: 'A', AWS_SECRET_ACCESS_KEY: 'B' },
        coldClass: 'GLACIER',
        archives: { compression: 'none' },
      },
    });
  });

  it('B46: gives a vault in Swift its container and its login, of both versions', () => {
    const swift =
      'access_key: "acc:ana", secret_key: hunter2, s3_bucket: c, default_destination: swift, auth_url: "https://h';
    expect(vaultsOf(`default: { ${swift}/v1.0" }\nother: { ${swift}/v2.0", auth_version: 2 }`)).toMatchObject({
      main: {
        url: 'swift:c:/cairn',
        env: { ST_AUTH: 'https://h/v1.0', ST_USER: 'acc:ana', ST_KEY: 'hunter2' },
        archives: { compression: 'gzip' },
      },
      other: {
        env: {
          OS_AUTH_URL: 'https://h/v2.0',
          OS_IDENTITY_API_VERSION: '2',
          OS_TENANT_NAME: 'acc',
          OS_USERNAME: 'ana',
          OS_PASSWORD: 'hunter2',
        },
      },
    });
  });

  it.each([
    [0, 'monday'],
    [5, 'saturday'],
    [6, 'sunday'],
  ])('B11: counts weekdays from 0 for monday: %i is %s', (number, day) => {
    const vaults = vaultsOf(`default: { s3_bucket: b, rotation: { days: 1, first_week_day: ${number} } }`);
    expect(vaults).toMatchObject({ main: { keep: { days: 1, firstWeekday: day } } });
  });

  it('tells what has no counterpart, and no secret', () => {
    const { notes } = importBakthat(FILE, text);
    expect(notes.join('\n')).toMatch(/test_plugin\.MyPlugin/);
    expect(notes.join('\n')).toMatch(/plugins_dir/);
    expect(notes.join('\n')).not.toMatch(/hunter/);
  });

  it('executes no tag of Python, and takes its text for text', () => {
    const { edits, notes } = importBakthat(
      FILE,
      `default: { s3_bucket: !!python/unicode 'b', secret_key: !!python/object/apply:os.system ['touch pwned'] }`,
    );
    expect(edits[0]?.value).toMatchObject({ url: 's3://b/cairn?region=us-east-1' });
    expect(edits[0]?.value).not.toHaveProperty('env');
    expect(notes.join('\n')).toContain('!!python/object/apply:os.system was not executed');
  });

  it('refuses a file that is none', () => {
    expect(() => importBakthat(FILE, '- a')).toThrow(`${FILE}: has no profiles`);
    expect(() => importBakthat(FILE, 'a: [')).toThrow(FILE);
  });
});
