// A folder with a configuration file.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isCairnError } from '../../src/base/errors.ts';
import { loadConfig, type LoadConfigOptions } from '../../src/config/load-config.ts';
import type { LoadedConfig } from '../../src/config/loaded-config.ts';

/** Removed when disposed. */
export class ConfigPlace implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'cairn-config-'));
  readonly file: string = join(this.folder, 'cairn.yaml');

  write(text: string, mode: number = 0o600): void {
    writeFileSync(this.file, text);
    chmodSync(this.file, mode);
  }

  async load(options: LoadConfigOptions = {}): Promise<LoadedConfig> {
    const env = { HOME: join(this.folder, 'home') };
    const loaded = await loadConfig({ cwd: this.folder, env, ...options });
    if (loaded === undefined) throw new Error('no configuration was found');
    return loaded;
  }

  /** The error of a file, with the folder left out. */
  async errorOf(text: string, options: LoadConfigOptions = {}): Promise<string> {
    this.write(text);
    const { code, message } = await thrownBy(() => this.load(options));
    if (code !== 'CONFIG_INVALID') throw new Error(`the error is ${code}`);
    return message.replaceAll(`${this.folder}/`, '');
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export async function thrownBy(run: () => Promise<unknown>): Promise<{ code: string; message: string; hint: string }> {
  try {
    await run();
  } catch (error) {
    if (isCairnError(error)) return { code: error.code, message: error.message, hint: error.hint ?? '' };
    throw error;
  }
  throw new Error('nothing was thrown');
}
