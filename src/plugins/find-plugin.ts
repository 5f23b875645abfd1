import { realpath, stat } from 'node:fs/promises';
import { createRequire, findPackageJSON } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { readFile } from 'node:fs/promises';
import { CairnError, systemCode } from '../base/errors.ts';

export interface PluginPlaces {
  /** Paths are relative to it, and packages are looked for from there up: the folder of the configuration. */
  readonly folder: string;
  /** Where plugins are found by the name of their file. */
  readonly pluginsFolder: string | undefined;
}

const extensions = ['.mjs', '.js', '.mts', '.ts'];

/** The file of a plugin. Throws `PLUGIN_FAILED` where there is none, and where others may write it. */
export async function findPlugin(use: string, places: PluginPlaces): Promise<string> {
  const found = isPath(use) ? await fileAt(pathOf(use, places.folder)) : await findByName(use, places);
  if (found === undefined) throw notFound(use, places);
  const file = await realpath(found);
  await assertTrusted(use, file);
  return file;
}

function isPath(use: string): boolean {
  return /^(?:\.{1,2}[/\\]|[/\\]|file:|[A-Za-z]:[/\\])/.test(use);
}

function pathOf(use: string, folder: string): string {
  return use.startsWith('file:') ? fileURLToPath(use) : resolve(folder, use);
}

/** A name without a slash is a file in the folder of plugins, if there is one, and else a package. */
async function findByName(use: string, { folder, pluginsFolder }: PluginPlaces): Promise<string | undefined> {
  if (pluginsFolder !== undefined && /^[\w.-]+$/.test(use)) {
    for (const extension of ['', ...extensions]) {
      const file = await fileAt(join(pluginsFolder, `${use}${extension}`));
      if (file !== undefined) return file;
    }
  }
  return findPackage(use, folder);
}

async function fileAt(path: string): Promise<string | undefined> {
  try {
    return (await stat(path)).isFile() ? path : undefined;
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** The module that a package exports, for a program in `folder`. */
async function findPackage(name: string, folder: string): Promise<string | undefined> {
  const from = join(folder, 'cairn.yaml');
  try {
    return createRequire(from).resolve(name);
  } catch (error) {
    // What is exported for `import` only is not seen by `require.resolve`.
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return importTarget(name, from);
    if (code === 'MODULE_NOT_FOUND' || code === 'ERR_INVALID_MODULE_SPECIFIER') return undefined;
    throw error;
  }
}

async function importTarget(name: string, from: string): Promise<string | undefined> {
  const manifest = findPackageJSON(name, pathToFileURL(from));
  if (manifest === undefined) return undefined;
  const { exports }: { exports?: unknown } = JSON.parse(await readFile(manifest, 'utf8'));
  const target = conditionOf(exports);
  return target === undefined ? undefined : fileAt(join(dirname(manifest), target));
}

/** The root export for `import`: the first condition that applies, as Node resolves it. */
function conditionOf(exported: unknown): string | undefined {
  if (typeof exported === 'string') return exported;
  if (typeof exported !== 'object' || exported === null) return undefined;
  for (const [key, value] of Object.entries(exported)) {
    if (!['.', 'import', 'node', 'module-sync', 'default'].includes(key)) continue;
    const target = conditionOf(value);
    if (target !== undefined) return target;
  }
  return undefined;
}

const WRITABLE_BY_OTHERS = 0o022;
const WRITABLE_BY_ALL = 0o002;
const STICKY = 0o1000;

/** Whoever may write a plugin runs code as the user whose backups are made, with the passwords at hand. */
async function assertTrusted(use: string, file: string): Promise<void> {
  // Windows has no such bits.
  if (process.platform === 'win32') return;
  const { mode, uid } = await stat(file);
  if ((mode & WRITABLE_BY_OTHERS) !== 0) throw untrusted(use, file, `chmod go-w ${file}`);
  const folder = dirname(file);
  const { mode: folderMode } = await stat(folder);
  // Anybody can put a file there.
  const isOfAnybody = (folderMode & WRITABLE_BY_ALL) !== 0 && uid !== 0 && uid !== process.getuid?.();
  if (isOfAnybody) throw untrusted(use, file, `chown root ${file}`);
  // In a sticky folder such as /tmp nobody can replace the file of somebody else.
  const mayReplace = (folderMode & WRITABLE_BY_ALL) !== 0 && (folderMode & STICKY) === 0;
  if (mayReplace) throw untrusted(use, folder, `chmod o-w ${folder}`);
}

function untrusted(plugin: string, path: string, remedy: string): CairnError {
  return new CairnError('PLUGIN_FAILED', `the plugin ${plugin} was not loaded: other users may write ${path}`, {
    hint: `If what is there is yours, run: ${remedy}`,
    facts: { plugin, phase: 'load', path },
  });
}

function notFound(plugin: string, { folder, pluginsFolder }: PluginPlaces): CairnError {
  const looked = isPath(plugin)
    ? `there is no file ${pathOf(plugin, folder)}`
    : `there is no such file in ${pluginsFolder ?? 'a folder of the user, since HOME is not set'}, and no such package for ${folder}`;
  return new CairnError('PLUGIN_FAILED', `the plugin ${plugin} was not found: ${looked}`, {
    hint: 'A path begins with ./ or /. A package has to be installed where the configuration is.',
    facts: { plugin, phase: 'load' },
  });
}
