// A configuration in code, with two vaults and rules of rotation: no file is read. Run with:
//   node examples/configuration-in-code.ts DIRECTORY
// In your own program the imports are 'cairn-backup'.
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConfigInput, createCairn, initVault, Secret } from '../src/index.ts';

const [directory] = process.argv.slice(2);
if (directory === undefined) throw new Error('usage: node examples/configuration-in-code.ts DIRECTORY');
await using scratch = await mkdtempDisposable(join(tmpdir(), 'cairn-example-'));

// As in cairn.yaml. Yours would say `s3://yours3bucket?region=eu-west-1`, with `env` for its keys, and `{ env: 'NAME' }`,
// `{ file: … }` or `{ command: … }` for a password that is not known here.
const password = new Secret('only for this example');
const rules = { days: 7, weeks: 6, months: 6, firstWeekday: 'saturday' } as const;
const config = {
  vaults: {
    main: { url: join(scratch.path, 'main'), password, keep: rules },
    offsite: { url: join(scratch.path, 'offsite'), password },
  },
  sources: { dir: { type: 'files', paths: directory, name: 'dir' } },
  default: { vault: 'main' },
} satisfies ConfigInput;

// Without these, the catalog and the cache of this machine learn of vaults that are gone at the end.
process.env['CAIRN_CATALOG'] = join(scratch.path, 'catalog.sqlite');
process.env['XDG_CACHE_HOME'] = scratch.path;

for (const { url } of Object.values(config.vaults)) await (await initVault(url, { password })).close();
await using cairn = await createCairn({ config });
const { source, options } = cairn.source('dir');

const main = await cairn.vault();
console.log('saved', (await main.backup(source, options)).name, 'in main');

const offsite = await cairn.vault('offsite');
console.log('saved', (await offsite.backup(source, options)).name, 'in offsite');

const { filesRestored } = await main.restore('dir', { to: join(scratch.path, 'out') });
console.log('restored', filesRestored, 'files');

const { removed } = await main.rotate({ name: 'dir' }, rules);
console.log('rotated', removed.length, 'away');
