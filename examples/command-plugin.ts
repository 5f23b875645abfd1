// A plugin that adds a command: `cairn ages` prints how old the newest backup of each name is, and `cairn ages --max 26`
// fails where one is older than 26 hours. Name it in cairn.yaml:
//   plugins: [./command-plugin.ts]
// In your own plugin the import is 'cairn-backup'.
import type { BackupRecord, Plugin, PluginCommandContext } from '../src/index.ts';

const HOUR_MS = 3_600_000;

export const plugin: Plugin = {
  name: 'ages',
  activate({ registerCommand }) {
    registerCommand({
      name: 'ages',
      summary: 'show how old the newest backup of each name is',
      arguments: [{ name: '[names...]', summary: 'only these' }],
      options: [{ flags: '--max <hours>', summary: 'fail where one is older' }],
      examples: [['cairn ages --max 26', 'for a daily check']],
      run: printAges,
    });
  },
};

async function printAges(context: PluginCommandContext): Promise<void> {
  const [wanted] = context.arguments;
  const max = Number(context.options['max'] ?? Infinity);
  await using vault = await context.openVault();
  const newest = new Map<string, BackupRecord>();
  for await (const backup of vault.list({ signal: context.signal })) {
    if (!Array.isArray(wanted) || wanted.length === 0 || wanted.includes(backup.name)) newest.set(backup.name, backup);
  }
  const ages = [...newest.values()].map(({ name, time }) => ({ name, hours: (Date.now() - time.getTime()) / HOUR_MS }));
  if (context.json) await context.writeJson(ages);
  else for (const { name, hours } of ages) await context.write(`${name}\t${hours.toFixed(1)} h\n`);
  const old = ages.filter(({ hours }) => hours > max).map(({ name }) => name);
  if (old.length > 0) throw new Error(`older than ${max} hours: ${old.join(', ')}`);
}
