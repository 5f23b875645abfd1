// Odd trees that restic backed up, restored by us, and compared with their source.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPosix } from '../../src/base/posix/open-posix.ts';
import { AT_FDCWD } from '../../src/base/posix/posix.ts';
import { Secret } from '../../src/base/secret.ts';
import { openRepository } from '../../src/repository/open-repository.ts';
import { listSnapshots } from '../../src/repository/snapshots.ts';
import type { RestoreOptions, RestoreResult } from '../../src/restorer/restore-options.ts';
import { restore } from '../../src/restorer/restore.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { describeTree } from '../support/describe-tree.ts';
import { makeTheirs } from '../support/interop.ts';
import { peersMissing } from '../support/peers.ts';
import { RESTIC_PASSWORD, runRestic } from '../support/restic.ts';

const isRoot = process.geteuid?.() === 0;
const posix = openPosix();

let scratch: string;
beforeAll(() => {
  scratch = fs.mkdtempSync(join(tmpdir(), 'cairn-restore-'));
});
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

async function restoreLatest(repo: string, target: string, more: Partial<RestoreOptions> = {}): Promise<RestoreResult> {
  await using repository = await openRepository(openLocalStorage(repo), { password: new Secret(RESTIC_PASSWORD) });
  const latest = (await listSnapshots(repository)).at(-1)!;
  const root = latest.snapshot.paths[0]!.split('/')
    .slice(1)
    .map((part) => Buffer.from(part));
  return await restore(repository, { snapshot: latest.snapshot, target, root, overwrite: 'always', ...more });
}

const bytes = (...parts: readonly (string | number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));

function makeOddTree(root: string): void {
  const at = (name: string): string => join(root, name);
  fs.mkdirSync(at('deep/er/est'), { recursive: true });
  fs.mkdirSync(at('empty'));
  fs.mkdirSync(at('sticky'));
  fs.chmodSync(at('sticky'), 0o1777);
  fs.mkdirSync(at('setgid'));
  fs.chmodSync(at('setgid'), 0o2755);
  fs.writeFileSync(at('setgid/inside'), 'x');
  fs.writeFileSync(at('nothing'), '');
  fs.writeFileSync(at('text'), 'line of text\n'.repeat(50_000));
  fs.writeFileSync(at('random'), randomBytes(9 * 1024 * 1024));
  fs.writeFileSync(at('same'), fs.readFileSync(at('random')));
  fs.writeFileSync(at('zeros'), Buffer.alloc(3 * 1024 * 1024));
  const sparse = fs.openSync(at('sparse'), 'w');
  fs.writeSync(sparse, 'begin', 0);
  fs.writeSync(sparse, 'end', 20 * 1024 * 1024);
  fs.closeSync(sparse);
  for (let i = 0; i < 300; i++) fs.writeFileSync(at(`deep/file-${i}`), `content ${i % 50}`);
  fs.writeFileSync(bytes(root, '/deep/bad-', [0xff, 0xfe, 0xc3]), 'not UTF-8');
  fs.writeFileSync(at('deep/er/a "quoted" & <odd> näme\u2028\t\n\\'), 'odd');
  fs.writeFileSync(at('deep/er/est/secret'), 'mode 000');
  fs.chmodSync(at('deep/er/est/secret'), 0o000);
  fs.writeFileSync(at('setuid'), 'runs as its owner');
  if (isRoot) fs.chownSync(at('setuid'), 1234, 4321);
  fs.chmodSync(at('setuid'), 0o6755);
  fs.linkSync(at('text'), at('deep/text-again'));
  fs.linkSync(at('text'), at('zz-text-again'));
  fs.symlinkSync('../text', at('deep/link'));
  fs.symlinkSync('/absolute/nowhere', at('dangling'));
  posix.mknodat(AT_FDCWD, Buffer.from(at('fifo')), 0o010640, 0n);
  if (isRoot) {
    posix.mknodat(AT_FDCWD, Buffer.from(at('char')), 0o020666, 0x103n);
    posix.mknodat(AT_FDCWD, Buffer.from(at('block')), 0o060600, 0x700n);
    fs.lchownSync(at('dangling'), 77, 88);
  }
  const set = (name: string, ns: bigint): void => posix.utimensat(AT_FDCWD, Buffer.from(at(name)), ns, ns);
  set('text', -86_400_000_000_001n);
  set('nothing', 1n);
  set('dangling', 1_234_567_890_123_456_789n);
  set('empty', -1n);
  set('deep/er', 999_999_999n);
}

function addAttributes(root: string): void {
  posix.setxattrat(AT_FDCWD, Buffer.from(join(root, 'text')), Buffer.from('user.note'), Buffer.from([0, 1, 255]));
  posix.setxattrat(AT_FDCWD, Buffer.from(join(root, 'nothing')), Buffer.from('user.empty'), new Uint8Array(0));
  posix.setxattrat(AT_FDCWD, Buffer.from(join(root, 'deep')), Buffer.from('user.dir'), Buffer.from('of a directory'));
  execFileSync('setfacl', ['-m', 'u:1234:rw,g:4321:r', join(root, 'random')]);
  execFileSync('setfacl', ['-d', '-m', 'u:1234:rwx', join(root, 'setgid')]);
}

describe.each(['restic', 'restic-newest'] as const)('a tree with everything, backed up by %s', (peer) => {
  describe.skipIf(peersMissing(peer, 'setfacl'))('', () => {
    let source: string;
    let repo: string;

    beforeAll(async () => {
      source = fs.mkdtempSync(join(scratch, 'source-'));
      repo = join(scratch, `repo-${peer}`);
      makeOddTree(source);
      addAttributes(source);
      // restic before 0.16 lost the bytes of such a target.
      if (peer === 'restic-newest') fs.symlinkSync(bytes('bad-', [0xff, 0xc0], '-target'), join(source, 'bad-link'));
      await makeTheirs(peer, repo);
      runRestic(peer, repo, ['backup', source]);
    });

    it('comes back the same in every respect', async () => {
      const target = join(scratch, `${peer}-same`);
      const result = await restoreLatest(repo, target, { verify: true });
      expect(result.problems).toEqual([]);
      expect(result.status).toBe('complete');
      expect(describeTree(target)).toEqual(describeTree(source));
    });

    it('equals what restic restores', async () => {
      const ours = join(scratch, `${peer}-ours`);
      const theirs = join(scratch, `${peer}-theirs`);
      await restoreLatest(repo, ours, { root: undefined });
      runRestic(peer, repo, ['restore', 'latest', '--target', theirs]);
      const theirTree = describeTree(join(theirs, source));
      expect(describeTree(join(ours, source))).toEqual(theirTree);
    });

    it('keeps holes', async () => {
      const target = join(scratch, `${peer}-holes`);
      await restoreLatest(repo, target, { sparse: true });
      expect(fs.statSync(join(target, 'sparse')).blocks * 512).toBeLessThan(4 * 1024 * 1024);
      expect(fs.statSync(join(target, 'zeros')).blocks).toBe(0);
    });

    it('needs to write nothing the second time', async () => {
      const target = join(scratch, `${peer}-twice`);
      await restoreLatest(repo, target);
      const again = await restoreLatest(repo, target);
      expect(again).toMatchObject({ status: 'complete', bytesRestored: 0 });
      expect(describeTree(target)).toEqual(describeTree(source));
    });

    it('repairs what was changed in the target, and only that', async () => {
      const target = join(scratch, `${peer}-repair`);
      await restoreLatest(repo, target);
      const random = fs.openSync(join(target, 'random'), 'r+');
      fs.writeSync(random, 'changed', 5_000_000);
      fs.closeSync(random);
      fs.truncateSync(join(target, 'same'), 100);
      fs.appendFileSync(join(target, 'zeros'), 'more');
      fs.rmSync(join(target, 'dangling'));
      fs.writeFileSync(join(target, 'dangling'), 'a file now');
      posix.setxattrat(AT_FDCWD, Buffer.from(join(target, 'deep/file-1')), Buffer.from('user.extra'), Buffer.from('x'));
      fs.writeFileSync(join(target, 'deep/not-in-the-snapshot'), 'x');
      const result = await restoreLatest(repo, target, { delete: true });
      expect(result).toMatchObject({ status: 'complete', filesDeleted: 1 });
      expect(result.bytesRestored).toBeLessThan(18 * 1024 * 1024);
      expect(describeTree(target)).toEqual(describeTree(source));
    });

    it('restores the one file a path names', async () => {
      const target = join(scratch, `${peer}-file`);
      const root = [...source.split('/').slice(1), 'text'].map((part) => Buffer.from(part));
      const result = await restoreLatest(repo, target, { root });
      expect(result).toMatchObject({ status: 'complete', filesRestored: 1 });
      expect(fs.readdirSync(target)).toEqual([basename('text')]);
    });

    it('restores what is selected, and only the directories that takes', async () => {
      const target = join(scratch, `${peer}-select`);
      const result = await restoreLatest(repo, target, {
        select: (path, type) => {
          if (type === 'dir') return 'descend';
          return Buffer.from(path.at(-1)!).toString().startsWith('file-1') ? 'restore' : 'skip';
        },
      });
      expect(result).toMatchObject({ status: 'complete', filesRestored: 111 });
      expect(fs.readdirSync(target)).toEqual(['deep']);
    });
  });
});
