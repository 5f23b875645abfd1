// Dumps all databases of a MySQL or MariaDB server into a backup and thins out the older ones. Run it every night:
//   CAIRN_VAULT=… CAIRN_PASSWORD_FILE=… MYSQL_USER=root MYSQL_PASSWORD_FILE=… node examples/mysql-script.ts
// In your own program the imports are 'cairn-backup'.
import { openBackupHelper } from '../src/index.ts';
import { setting } from './setting.ts';

await using h = await openBackupHelper('myhost_mysql', {
  vault: setting('CAIRN_VAULT'),
  password: setting('CAIRN_PASSWORD'),
  tags: ['mysql'],
});

// Not as an argument, which everybody on the machine can read, and not in a variable, which newer programs refuse.
const login = await h.writePrivate(
  'client.cnf',
  ['[client]', ...['HOST', 'PORT', 'USER', 'PASSWORD'].map((name) => `${name.toLowerCase()}=${quoted(name)}`)].join('\n'),
);
await h.run(
  setting('MYSQLDUMP', 'mysqldump'),
  [`--defaults-extra-file=${login}`, '--all-databases', '--single-transaction', '--routines', '--events', '--hex-blob'],
  { to: 'dump.sql' },
);
const backup = await h.backup();
const { removed } = await h.rotate({ days: 7, weeks: 6, months: 6, firstWeekday: 'saturday' });
console.log(`saved ${backup.name} (${backup.counts.totalBytes} bytes), removed ${removed.length} older ones`);

function quoted(name: string): string {
  const defaults: Record<string, string> = { HOST: '127.0.0.1', PORT: '3306' };
  const value = setting(`MYSQL_${name}`, defaults[name]);
  // In an option file a backslash begins an escape, and quotes keep `#` and blanks.
  return `"${value.replaceAll('\\', String.raw`\\`).replaceAll('"', String.raw`\"`)}"`;
}
