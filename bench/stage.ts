// Puts a tool's repository and caches into the same state before every run.
import { cpSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './measure.ts';
import type { Tool, ToolPlace } from './tools.ts';

/** One tool's directories on the stage. */
export class Stage {
  readonly place: ToolPlace;
  /** Restores go here. */
  readonly target: string;
  readonly #home: string;
  readonly #saved: string;

  constructor(root: string, tool: string) {
    this.#home = join(root, tool);
    this.#saved = join(this.#home, 'saved');
    this.target = join(this.#home, 'target');
    this.place = { repository: join(this.#home, 'repository'), state: join(this.#home, 'state') };
  }

  /** An empty repository, and caches as cold as they are after making it. */
  async fresh(tool: Tool): Promise<void> {
    await this.clear();
    await tool.init(this.place);
  }

  /**
   * Keeps the repository and the caches as they are now. The repository is kept as hard links: no tool here writes
   * into a finished file of its repository. Caches are databases, so they are copied.
   */
  async save(): Promise<void> {
    await removeTree(this.#saved);
    mkdirSync(this.#saved, { recursive: true });
    await copyAsLinks(this.place.repository, join(this.#saved, 'repository'));
    cpSync(this.place.state, join(this.#saved, 'state'), { recursive: true, preserveTimestamps: true });
  }

  /** Back to what was saved, with an empty target. */
  async reset(): Promise<void> {
    await this.clear();
    await copyAsLinks(join(this.#saved, 'repository'), this.place.repository);
    rmSync(this.place.state, { recursive: true, force: true });
    cpSync(join(this.#saved, 'state'), this.place.state, { recursive: true, preserveTimestamps: true });
  }

  /** Gives back the space of the run; what is saved stays. */
  async clear(): Promise<void> {
    await removeTree(this.place.repository);
    await removeTree(this.place.state);
    await removeTree(this.target);
    mkdirSync(this.place.state, { recursive: true });
    mkdirSync(this.target, { recursive: true });
  }

  async remove(): Promise<void> {
    await removeTree(this.#home);
  }

  repositoryBytes(): number {
    return treeSize(this.place.repository).bytes;
  }
}

async function copyAsLinks(from: string, to: string): Promise<void> {
  await runCommand({ program: 'cp', args: ['-al', from, to], env: systemEnvironment }, 120_000);
}

/** `rm` is several times faster than Node here, and a run leaves up to 50,000 files. */
export async function removeTree(path: string): Promise<void> {
  await runCommand({ program: 'rm', args: ['-rf', path], env: systemEnvironment }, 300_000);
}

const systemEnvironment = { PATH: '/usr/bin:/bin' };

/** Runs a task with a folder that is empty before and gone afterwards. */
export async function inEmptyFolder(folder: string, task: () => Promise<void>): Promise<void> {
  await removeTree(folder);
  mkdirSync(folder, { recursive: true });
  try {
    await task();
  } finally {
    await removeTree(folder);
  }
}

/** Regular files below a directory, and the sum of their sizes. */
export function treeSize(directory: string): { files: number; bytes: number } {
  let files = 0;
  let bytes = 0;
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    files++;
    bytes += statSync(join(entry.parentPath, entry.name)).size;
  }
  return { files, bytes };
}
