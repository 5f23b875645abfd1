// Dumps a PostgreSQL database straight into a backup, with no temporary file, and the roles beside it.
//   CAIRN_VAULT=… CAIRN_PASSWORD_FILE=… PGUSER=… PGPASSWORD_FILE=… node examples/postgres-script.ts main
// In your own program the imports are 'cairn-backup'.
import { withBackupHelper } from '../src/index.ts';
import { setting } from './setting.ts';

const [database = 'postgres'] = process.argv.slice(2);
const host = setting('PGHOST', '127.0.0.1');
const port = setting('PGPORT', '5432');
const user = setting('PGUSER');

const { backups, rotation } = await withBackupHelper(
  'myhost_postgres',
  {
    vault: setting('CAIRN_VAULT'),
    password: setting('CAIRN_PASSWORD'),
    tags: ['postgres'],
    rotation: { days: 7, weeks: 6, months: 6 },
  },
  async (h) => {
    const escaped = setting('PGPASSWORD').replace(/[\\:]/gu, String.raw`\$&`);
    const login = await h.writePrivate('pgpass', `*:*:*:*:${escaped}\n`);
    const env = { PGPASSFILE: login, PGPASSWORD: undefined };
    const server = [`--host=${host}`, `--port=${port}`, `--username=${user}`, '--no-password'];
    // Not compressed: the vault does that, and finds what is the same as yesterday.
    const format = ['--format=custom', '--compress=0'];
    h.pipe(`${database}.dump`, 'pg_dump', [...server, ...format, `--dbname=${database}`], { env });
    await h.run('pg_dumpall', [...server, '--globals-only', '--no-role-passwords'], { to: 'roles.sql', env });
  },
);
for (const { name, counts } of backups) console.log(`saved ${name} (${counts.totalBytes} bytes)`);
console.log(`removed ${rotation?.removed.length ?? 0} older ones`);
