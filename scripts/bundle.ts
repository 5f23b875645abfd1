// Joins the modules of dist/ into few files in dist/bundle/: what the command and its worker threads load. Finding,
// reading and linking a hundred module files costs each thread far more than running what is in them
// (docs/adr/0006-bundled-command.md). Library users get the modules themselves.
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OutputOptions, type Plugin, rolldown } from 'rolldown';

interface Bundle {
  readonly name: string;
  readonly entry: string;
  readonly codeSplitting: NonNullable<OutputOptions['codeSplitting']>;
}

/**
 * What is loaded together lies together. A group takes along all that its modules import and no group above has;
 * each command stays a file of its own.
 */
const commandChunks: Bundle['codeSplitting'] = {
  groups: [
    { name: 'version', test: modules('vault/program-version'), priority: 7 },
    // Small, because it is compiled anew each time: it says where compiled code is kept.
    { name: 'compiled', test: modules('cli/code-cache'), priority: 6 },
    { name: 'start', test: modules('cli/start-ahead'), priority: 5 },
    // What every command takes, and not what belongs to a few.
    {
      name: 'run',
      test: modules(
        'cli/(?!main|start-ahead|code-cache|commands/|config/|kv/|repair/|serv|archive-|backup-|completion-|second-|cli-notifications|narrow-|registered-|rewrite-|run-prune|(forget|retrieval|rotation|list)-|apply-|output/(backup|forget|prune|rewrite|entry)-).*',
      ),
      priority: 4,
    },
    { name: 'vault', test: modules('vault/open-vault'), priority: 3 },
    { name: 'listing', test: modules('vault/look/list-backups'), priority: 2.9 },
    // Big, and for two who both are seldom needed: the configuration, and an exported catalog.
    { name: 'zod', test: /[/\\]node_modules[/\\]zod[/\\]/u, priority: 2.7 },
    { name: 'retention', test: modules('retention/.*'), minShareCount: 2, priority: 2.6 },
    // With YAML and the schema, which nobody loads who has no configuration.
    { name: 'configuration', test: modules('config/read-config|config/schema/config-schema'), priority: 2.5 },
    {
      name: 'shared',
      test: modules(
        '(?!cli/|catalog/|vault/catalog/catalog-writer|archives/|values/|formats/(age|tar)/|vault/(archives|values)/|archiver/|restorer/|cli/config/|config/|storage/drivers/|repository/(check|repair|rewrite|walk)/|vault/(care|look)/|vault/(\\w+/)?(backup|restore)-).*',
      ),
      minShareCount: 2,
      priority: 2,
    },
    // A backup to a folder of this machine has no use for Node's HTTP client, which alone takes 25 ms to load.
    { name: 'http', test: modules('storage/drivers/(http|rest)/.*'), minShareCount: 2, priority: 1 },
    {
      name: 'care',
      test: modules('(repository/(check|repair|rewrite|walk)|vault/care)/.*'),
      minShareCount: 2,
      priority: 1,
    },
    { name: 'flags', test: modules('cli/(?!main|start-ahead|commands/|config/).*'), minShareCount: 2, priority: 1 },
    { name: 'rows', test: modules('catalog/.*'), minShareCount: 2, priority: 1 },
    {
      name: 'shelves',
      test: modules('((vault/)?(archives|values)|formats/(age|tar))/.*'),
      minShareCount: 2,
      priority: 0.5,
    },
    { name: 'look', test: modules('vault/look/.*'), minShareCount: 2, priority: 0 },
    { name: 'save', test: modules('vault/actions/backup-(action|ahead)'), priority: 1 },
    { name: 'bring-back', test: modules('vault/actions/restore-action|restorer/restore'), priority: 1 },
  ],
};

function modules(paths: string): RegExp {
  return new RegExp(`[/\\\\]dist[/\\\\](${paths.replaceAll('/', '[/\\\\]')})\\.js$`, 'u');
}

/** Writes dist/bundle/. `tsc` must have written the rest of dist/. */
export async function bundle(root: string): Promise<void> {
  const packages = new Set<string>();
  const workers = globSync('**/worker-main.js', { cwd: join(root, 'dist'), exclude: ['bundle'] });
  await write(root, { name: 'cairn', entry: 'cli/main.js', codeSplitting: commandChunks }, packages);
  for (const entry of workers) {
    // As src/base/start-worker.ts looks for it.
    const name = entry.replaceAll(/[/\\]/gu, '-').replace(/\.js$/u, '');
    await write(root, { name, entry, codeSplitting: false }, packages);
  }
  writeFileSync(join(root, 'dist', 'bundle', 'LICENSES.txt'), licensesOf(root, packages));
}

/** commander imports `node:process`, and that reads every property of it: 5 ms for streams and reports nobody wants. */
const globalProcess: Plugin = {
  name: 'global-process',
  resolveId: (id) => (id === 'node:process' ? '\0process' : undefined),
  load: (id) => (id === '\0process' ? 'export default globalThis.process;' : undefined),
};

/** Adds the names of the packages that it takes code from to `packages`. */
async function write(root: string, { name, entry, codeSplitting }: Bundle, packages: Set<string>): Promise<void> {
  await using build = await rolldown({
    cwd: root,
    input: { [name]: `dist/${entry}` },
    platform: 'node',
    // koffi is native and found at run time (src/base/posix/koffi.ts); ssh2 looks for optional native parts beside itself,
    // and the rest is installed by those who use it.
    external: ['koffi', 'ssh2', '@azure/storage-blob'],
    plugins: [globalProcess],
    onLog(_level, log) {
      throw new Error(`${entry}: ${log.message}`);
    },
  });
  const { output } = await build.write({
    dir: 'dist/bundle',
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    comments: { legal: true, annotation: false, jsdoc: false },
    codeSplitting,
  });
  for (const chunk of output) {
    for (const id of chunk.type === 'chunk' ? chunk.moduleIds : []) {
      const found = /[/\\]node_modules[/\\]((?:@[^/\\]+[/\\])?[^/\\]+)/u.exec(id)?.[1];
      if (found !== undefined) packages.add(found);
    }
  }
}

/** Their licences ask that the text goes where the code goes. */
function licensesOf(root: string, packages: ReadonlySet<string>): string {
  const texts = [...packages].toSorted().map((name) => {
    const folder = join(root, 'node_modules', name);
    const [file] = globSync('{LICENSE,LICENCE,license}*', { cwd: folder });
    if (file === undefined) throw new Error(`${name} has no licence file`);
    return `${name}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
  });
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}
