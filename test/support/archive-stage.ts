// A vault for archives in a temporary folder, with something to archive and a key of age.
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import type { ArchiveResult } from '../../src/vault/archives/archive-action.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { makeOddTree } from './odd-tree.ts';
import { quickVault } from './quick-vault.ts';

export class ArchiveStage implements Disposable {
  static readonly password: string = 'correct horse';
  readonly scratch: string = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-archives-')));
  readonly vaultFolder: string = join(this.scratch, 'vault');
  /** A folder that tests may fill; it goes with the vault. */
  readonly out: string = join(this.scratch, 'out');
  /** A tree with everything that a file system can hold. */
  readonly tree: string = join(this.scratch, 'tree');
  readonly identity: string;
  readonly recipient: string;
  #vault: Vault | undefined;

  private constructor(identity: string, recipient: string) {
    this.identity = identity;
    this.recipient = recipient;
    fs.mkdirSync(this.tree);
    makeOddTree(this.tree, { manyFiles: 200 });
  }

  static async make(): Promise<ArchiveStage> {
    const identity = await generateX25519Identity();
    return new ArchiveStage(identity, await identityToRecipient(identity));
  }

  /** A new vault, until `close`. */
  async open(): Promise<Vault> {
    this.#vault = await quickVault(openLocalStorage(this.vaultFolder, { durable: false }), ArchiveStage.password);
    return this.#vault;
  }

  async close(): Promise<void> {
    await this.#vault?.close();
    for (const path of [this.vaultFolder, this.out, join(this.scratch, 'small')]) {
      fs.rmSync(path, { recursive: true, force: true });
    }
  }

  fileOf({ object }: Pick<ArchiveResult, 'object'>): string {
    return join(this.vaultFolder, object);
  }

  /** A folder with one file. */
  small(content: string = 'content'): string {
    const folder = join(this.scratch, 'small');
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(join(folder, 'file.txt'), content);
    return folder;
  }

  [Symbol.dispose](): void {
    fs.rmSync(this.scratch, { recursive: true, force: true });
  }
}
