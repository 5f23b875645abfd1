// Makes a vault, saves a directory, and brings it back somewhere else. Run with:
//   CAIRN_PASSWORD=… node examples/backup-and-restore.ts VAULT SOURCE TARGET
// In your own program the import is 'cairn-backup'.
import { initVault, openVault, vaultExists } from '../src/index.ts';

const [url, source, target] = process.argv.slice(2);
const password = process.env['CAIRN_PASSWORD'];
if (url === undefined || source === undefined || target === undefined || password === undefined) {
  throw new Error('usage: CAIRN_PASSWORD=… node examples/backup-and-restore.ts VAULT SOURCE TARGET');
}

const open = (await vaultExists(url)) ? openVault : initVault;
await using vault = await open(url, { password });

const job = vault.backup(source, { tags: ['example'] });
for await (const progress of job) console.log(progress.phase, progress.bytes ?? 0, 'bytes');
const backup = await job;
console.log(`${backup.status}: ${backup.id}, ${backup.counts.addedStoredBytes} bytes added`);
for (const { path, message } of backup.problems) console.warn(`${path}: ${message}`);

const restored = await vault.restore(backup.id, { to: target });
console.log(`${restored.filesRestored} files in ${restored.destination}`);
