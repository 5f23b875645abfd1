// The helper without `using`, against a vault in memory. Run with: node examples/helper-as-class.ts
// In your own program the imports are 'cairn-backup'.
import { writeFile } from 'node:fs/promises';
import { initVault, openBackupHelper } from '../src/index.ts';

const vault = await initVault('memory:example', { password: 'only for this example', cache: false });
const helper = await openBackupHelper('mybackup', { vault, tags: ['mybackup'] });
try {
  // Either with the helper, or with anything else that writes a file: it all goes into one private directory.
  await helper.write('myfile.txt', 'some data');
  await writeFile(helper.path('another.txt'), 'written by hand');
  const backup = await helper.backup();
  console.log('saved', backup.name, backup.tags);
  for await (const { path, type } of vault.ls('mybackup', { recursive: true })) if (type === 'file') console.log(path);
  await helper.rotate({ days: 7, weeks: 6, months: 6, firstWeekday: 'saturday' });
} finally {
  // Removes the directory. Nothing is backed up by it, so after an error nothing is.
  await helper.close();
  await vault.close();
}
