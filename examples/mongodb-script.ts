// Dumps a MongoDB server straight into a backup. `mongorestore --archive` reads what `cairn cat` gives back.
//   CAIRN_VAULT=… CAIRN_PASSWORD_FILE=… MONGODB_URL_FILE=… node examples/mongodb-script.ts
// In your own program the imports are 'cairn-backup'.
import { openBackupHelper } from '../src/index.ts';
import { setting } from './setting.ts';

await using h = await openBackupHelper('myhost_mongodb', {
  vault: setting('CAIRN_VAULT'),
  password: setting('CAIRN_PASSWORD'),
  tags: ['mongodb'],
});

// The address holds the password, so it comes from a file too. JSON is YAML, which is what mongodump reads.
const login = await h.writePrivate('mongodump.yaml', JSON.stringify({ uri: setting('MONGODB_URL') }));
h.pipe('dump.archive', 'mongodump', [`--config=${login}`, '--archive', '--quiet']);
const backup = await h.backup();
const { removed } = await h.deleteOlderThan('3M');
console.log(`saved ${backup.name} (${backup.counts.totalBytes} bytes), removed ${removed.length} older ones`);
