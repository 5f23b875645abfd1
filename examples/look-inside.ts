// Lists the backups of a vault, and prints one file of the newest. Run with:
//   CAIRN_PASSWORD=… node examples/look-inside.ts VAULT NAME PATH
// In your own program the import is 'cairn-backup'.
import { hasCode, openVault } from '../src/index.ts';

const [url, name, path] = process.argv.slice(2);
const password = process.env['CAIRN_PASSWORD'];
if (url === undefined || name === undefined || path === undefined || password === undefined) {
  throw new Error('usage: CAIRN_PASSWORD=… node examples/look-inside.ts VAULT NAME PATH');
}

await using vault = await openVault(url, { password });
for await (const backup of vault.list({ name })) console.log(backup.id.slice(0, 8), backup.time.toISOString());

try {
  for await (const part of vault.cat(name, path)) process.stdout.write(part);
} catch (error) {
  if (!hasCode(error, 'PATH_NOT_FOUND')) throw error;
  console.error(error.message, error.hint);
}
