// The helper around a body, against a vault in memory: what the body writes is saved when it ends, and nothing is saved when
// it throws. Run with: node examples/helper.ts
// In your own program the import is 'cairn-backup'.
import { initVault, withBackupHelper } from '../src/index.ts';

await using vault = await initVault('memory:example', { password: 'only for this example', cache: false });

const rotation = { days: 7, weeks: 6, months: 6 };
await withBackupHelper('mybackup', { vault, tags: ['mybackup'], rotation }, async (h) => {
  await h.write('myfile.txt', 'some data');
  await h.run('date', ['-u', '+%Y'], { to: 'year.txt' });
});
for await (const { path, type } of vault.ls('mybackup', { recursive: true })) if (type === 'file') console.log(path);

try {
  await withBackupHelper('mybackup', { vault }, async (h) => {
    await h.write('half.txt', 'half of it');
    throw new Error('the dump failed');
  });
} catch (error) {
  console.log('not saved:', error instanceof Error ? error.message : error);
}
console.log('backups:', (await Array.fromAsync(vault.list())).length);
