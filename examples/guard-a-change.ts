// A risky change behind a held backup: it fails, and the folder is as it was. Run with: node examples/guard-a-change.ts
// In your own program the imports are 'cairn-backup'.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasCode, initVault } from '../src/index.ts';

const folder = await mkdtemp(join(tmpdir(), 'example-'));
await writeFile(join(folder, 'settings.json'), '{"version": 1}');

await using vault = await initVault('memory:guarded', { password: 'only for this example' });

try {
  await vault.guard(folder, migrate, { name: 'app', label: 'before-2.0', rollback: true });
} catch (error) {
  if (!hasCode(error, 'GUARD_ROLLED_BACK')) throw error;
  console.log(error.message);
}
console.log(await readFile(join(folder, 'settings.json'), 'utf8'));

// The guard's backup is held: retention leaves it alone until it is released.
const plan = await vault.planRotation({ name: 'app' }, { days: 7, weeks: 4 });
for (const { backup, reasons } of plan.groups.flatMap(({ keep }) => keep)) console.log(backup.name, reasons.join(', '));
await vault.release('app', { label: 'before-2.0' });
await rm(folder, { recursive: true });

async function migrate(): Promise<void> {
  await writeFile(join(folder, 'settings.json'), '{"version": 2');
  throw new Error('half way through');
}
