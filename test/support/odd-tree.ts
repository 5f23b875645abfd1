// A source with everything that a Unix tree can hold.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { openPosix } from '../../src/base/posix/open-posix.ts';
import { AT_FDCWD } from '../../src/base/posix/posix.ts';

const posix = openPosix();

export interface OddTreeOptions {
  /** Files in one directory. */
  readonly manyFiles: number;
}

/** Makes it in `root`, which exists and is empty. As root it has devices and foreign owners too. */
export function makeOddTree(root: string, { manyFiles }: OddTreeOptions): void {
  const isRoot = process.geteuid?.() === 0;
  const at = (name: string): string => join(root, name);
  const raw = (name: string, ...bytes: readonly number[]): Buffer =>
    Buffer.concat([Buffer.from(at(name)), Buffer.from(bytes)]);
  for (const directory of ['deep/er/est', 'empty', 'many', 'sticky', 'setgid']) {
    fs.mkdirSync(at(directory), { recursive: true });
  }
  fs.writeFileSync(at('nothing'), '');
  fs.writeFileSync(at('text'), 'line of text\n'.repeat(100_000));
  fs.writeFileSync(at('random'), randomBytes(9 * 1024 * 1024));
  fs.writeFileSync(at('same'), fs.readFileSync(at('random')));
  fs.writeFileSync(at('zeros'), Buffer.alloc(3 * 1024 * 1024));
  fs.writeFileSync(at('sparse'), 'begin');
  fs.truncateSync(at('sparse'), 20 * 1024 * 1024);
  for (let i = 0; i < manyFiles; i++) fs.writeFileSync(at(`many/file-${i}`), `content ${i % 500}`);
  fs.writeFileSync(raw('deep/bad-', 0xff, 0xfe, 0xc3), 'a name that is not UTF-8');
  fs.writeFileSync(at('deep/er/a "quoted" & <odd> näme\u2028\t\n\\'), 'odd');
  fs.writeFileSync(at('deep/er/est/secret'), 'mode 000');
  fs.writeFileSync(at('setuid'), 'runs as its owner');
  fs.linkSync(at('text'), at('deep/text-again'));
  fs.symlinkSync('../text', at('deep/link'));
  fs.symlinkSync('/absolute/nowhere', at('dangling'));
  fs.symlinkSync(Buffer.from([0x74, 0xff, 0xc0]), at('link-to-bad-name'));
  posix.mknodat(AT_FDCWD, Buffer.from(at('fifo')), 0o010640, 0n);
  if (isRoot) addWhatRootMay(at);
  fs.chmodSync(at('setuid'), 0o6755);
  fs.chmodSync(at('sticky'), 0o1777);
  fs.chmodSync(at('setgid'), 0o2755);
  fs.chmodSync(at('deep/er/est/secret'), 0o000);
  setTimes(at);
}

/** Extended attributes and ACLs; needs `setfacl`. */
export function addAttributes(root: string): void {
  const set = (name: string, attribute: string, value: Uint8Array): void =>
    posix.setxattrat(AT_FDCWD, Buffer.from(join(root, name)), Buffer.from(attribute), value);
  set('text', 'user.note', Uint8Array.of(0, 1, 255));
  set('nothing', 'user.empty', new Uint8Array(0));
  set('deep', 'user.dir', Buffer.from('of a directory'));
  execFileSync('setfacl', ['-m', 'u:1234:rw,g:4321:r', join(root, 'random')]);
  execFileSync('setfacl', ['-d', '-m', 'u:1234:rwx', join(root, 'setgid')]);
}

function addWhatRootMay(at: (name: string) => string): void {
  posix.mknodat(AT_FDCWD, Buffer.from(at('char')), 0o020666, 0x103n);
  posix.mknodat(AT_FDCWD, Buffer.from(at('block')), 0o060600, 0x700n);
  fs.chownSync(at('setuid'), 1234, 4321);
  fs.lchownSync(at('dangling'), 77, 88);
}

function setTimes(at: (name: string) => string): void {
  const set = (name: string, ns: bigint): void => posix.utimensat(AT_FDCWD, Buffer.from(at(name)), ns, ns);
  set('text', -86_400_000_000_001n);
  set('nothing', 1n);
  set('dangling', 1_234_567_890_123_456_789n);
  set('empty', -1n);
  set('deep/er', 999_999_999n);
}
