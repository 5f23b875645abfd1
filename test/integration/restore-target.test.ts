// What the target can do to a restore: turn hostile, fill up, be read-only.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import type { BlobId } from '../../src/base/ids.ts';
import type { Node } from '../../src/formats/tree/node.ts';
import { encodeTree } from '../../src/formats/tree/tree-encoder.ts';
import type { Repository } from '../../src/repository/repository.ts';
import type { RestoreResult } from '../../src/restorer/restore-options.ts';
import { restore } from '../../src/restorer/restore.ts';
import {
  aSnapshot,
  blobIdOf,
  dirNode,
  fileNode,
  makeRepository,
  storeIndex,
  storePack,
} from '../support/repository-fixture.ts';

const isRoot = process.geteuid?.() === 0;
let scratch: string;
let target: string;
let repository: Repository;

beforeEach(async () => {
  scratch = fs.mkdtempSync(join(tmpdir(), 'cairn-target-'));
  target = join(scratch, 'target');
  ({ repository } = await makeRepository());
});
afterEach(() => fs.rmSync(scratch, { recursive: true, force: true }));

async function restoreFiles(contents: readonly Uint8Array[], directories: readonly string[]): Promise<RestoreResult> {
  const data = await storePack(
    repository,
    contents.map((plain) => ({ type: 'data', plain })),
  );
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 } as Partial<Node>;
  const files = contents.map((plain, i) =>
    fileNode(`file-${String(i).padStart(4, '0')}`, [blobIdOf(plain)], plain.length, owner),
  );
  const leaf = encodeTree(files);
  const root = encodeTree(directories.map((name) => ({ ...dirNode(name, blobIdOf(leaf)), ...owner }) as Node));
  const trees = await storePack(
    repository,
    [leaf, root].map((plain) => ({ type: 'tree', plain })),
  );
  await storeIndex(repository, [data, trees]);
  const tree: BlobId = blobIdOf(root);
  return await restore(repository, { snapshot: aSnapshot(tree), target, overwrite: 'always', jobs: 2 });
}

describe('an attacker in the target', () => {
  it('who swaps directories for symlinks all the time leads nothing outside', async () => {
    const outside = join(scratch, 'outside');
    fs.mkdirSync(outside);
    fs.mkdirSync(target);
    const directories = Array.from({ length: 30 }, (_, i) => `dir-${String(i).padStart(2, '0')}`);
    const program = `
      const fs = require('node:fs');
      const { workerData: { target, outside, directories } } = require('node:worker_threads');
      for (;;) {
        for (const name of directories) {
          const path = target + '/' + name;
          try { fs.renameSync(path, path + '.moved'); fs.symlinkSync(outside, path); } catch {}
          try { fs.unlinkSync(path); fs.renameSync(path + '.moved', path); } catch {}
        }
      }`;
    const attacker = new Worker(program, { eval: true, workerData: { target, outside, directories } });
    try {
      for (let round = 0; round < 5; round++) {
        const contents = Array.from({ length: 40 }, (_, i) => utf8(`round ${round} content ${i}`));
        await restoreFiles(contents, directories);
      }
    } finally {
      await attacker.terminate();
    }
    expect(fs.readdirSync(outside)).toEqual([]);
  });
});

function mount(options: string): void {
  fs.mkdirSync(target, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'cairn-test', target]);
}

describe.skipIf(!isRoot)('a target of its own file system', () => {
  afterEach(() => {
    execFileSync('umount', [target]);
  });

  it('that fills up ends the restore with TARGET_FULL and no half file', async () => {
    mount('size=2m');
    const contents = Array.from({ length: 40 }, () => new Uint8Array(randomBytes(100_000)));
    await expect(restoreFiles(contents, ['dir'])).rejects.toMatchObject({ code: 'TARGET_FULL' });
    for (const name of fs.readdirSync(join(target, 'dir'))) {
      expect(fs.statSync(join(target, 'dir', name)).size).toBe(100_000);
    }
  });

  it('that is read-only is refused with TARGET_INVALID', async () => {
    mount('ro');
    await expect(restoreFiles([utf8('x')], ['dir'])).rejects.toMatchObject({ code: 'TARGET_INVALID' });
  });
});
