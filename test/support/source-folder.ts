// A folder to back up, and what a backup of it has to hold.
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { ArchiveResult } from '../../src/archiver/archive.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { contentsOf, errorsIn, expectedContents } from './archive-fixture.ts';

export type Files = Readonly<Record<string, Uint8Array | string>>;

/** Removed when disposed. */
export class SourceFolder implements Disposable {
  readonly path: string = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-behaviour-')));
  /** Where backups of it may remember what they saw. */
  readonly memory: string = fs.mkdtempSync(join(tmpdir(), 'cairn-memory-'));

  make(files: Files): void {
    for (const [name, bytes] of Object.entries(files)) {
      fs.mkdirSync(join(this.path, name, '..'), { recursive: true });
      fs.writeFileSync(join(this.path, name), bytes);
    }
  }

  [Symbol.dispose](): void {
    for (const path of [this.path, this.memory]) fs.rmSync(path, { recursive: true, force: true });
  }
}

/** The backup has these files and nothing else, and the repository is whole. */
export async function expectHolds(repository: Repository, { snapshot }: ArchiveResult, files: Files): Promise<void> {
  expect(await contentsOf(repository, snapshot.tree)).toEqual(expectedContents(files));
  expect(await errorsIn(repository)).toEqual([]);
}
