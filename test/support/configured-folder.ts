// A folder with a file, and a configuration of a vault, sources and a plan over it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cairn, createCairn } from '../../src/app/cairn.ts';
import type { ConfigInput } from '../../src/config/config-input.ts';
import { initVault } from '../../src/vault/open-vault.ts';

/** Removed when disposed. */
export class ConfiguredFolder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), 'cairn-app-'));
  /** A vault in memory; there is none before `makeVault`. */
  readonly url: string = `memory:${this.path}`;

  constructor() {
    writeFileSync(join(this.path, 'a.txt'), 'hello');
  }

  config(): ConfigInput {
    return {
      vaults: { main: { url: this.url, password: '${PW}' } },
      sources: {
        letters: { type: 'files', paths: [this.path], tags: ['paper'] },
        none: { type: 'files', paths: ['/nowhere/at/all'] },
        dump: { type: 'command', command: 'echo "$WORD"', filename: 'dump.txt' },
      },
      plans: { nightly: { sources: ['letters', 'none', 'dump'], vault: 'main', tags: ['nightly'] } },
      default: { vault: 'main' },
    };
  }

  async makeVault(): Promise<void> {
    const vault = await initVault(this.url, { password: 'word', generatedKey: true, cache: false });
    await vault.close();
  }

  /** Cairn with `config`, and the environment it asks for. */
  createCairn(config: ConfigInput = this.config()): Promise<Cairn> {
    return createCairn({ config, env: { PW: 'word', WORD: 'from env', PATH: process.env['PATH'] } });
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
