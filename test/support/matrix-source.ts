// A small source with one of each thing that the programs treat differently, in two states.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { openPosix } from '../../src/base/posix/open-posix.ts';
import { AT_FDCWD } from '../../src/base/posix/posix.ts';

const MIB = 1024 * 1024;

/** What `changeMatrixSource` does, as `diff` prints it. */
export const matrixChanges: readonly string[] = [
  '+ /added',
  '+ /new/',
  '+ /new/file',
  '- /deep/file-2',
  'M /deep/file-1',
  'T /deep/file-3',
];

/** Makes it in `root`, which exists and is empty. `noiseBytes` do not compress and are in no other source. */
export function makeMatrixSource(root: string, { noiseBytes = 3 * MIB }: { noiseBytes?: number } = {}): void {
  const at = (name: string): string => join(root, name);
  fs.mkdirSync(at('deep/er/est'), { recursive: true });
  fs.mkdirSync(at('empty'));
  fs.writeFileSync(at('noise'), randomBytes(noiseBytes));
  fs.writeFileSync(at('text'), 'all work and no play\n'.repeat(50_000));
  fs.writeFileSync(at('nothing'), '');
  for (let i = 0; i < 40; i++) fs.writeFileSync(at(`deep/file-${i}`), `content ${i % 30}`);
  fs.writeFileSync(at('deep/er/a "quoted" & <odd> näme\\'), 'odd');
  fs.writeFileSync(at('deep/er/est/private'), 'for the owner');
  fs.chmodSync(at('deep/er/est/private'), 0o600);
  fs.chmodSync(at('empty'), 0o1777);
  fs.linkSync(at('text'), at('deep/text-again'));
  fs.symlinkSync('../text', at('deep/link'));
  const posix = openPosix();
  const set = (name: string, ns: bigint): void => posix.utimensat(AT_FDCWD, Buffer.from(at(name)), ns, ns);
  set('text', -86_400_000_000_001n);
  set('nothing', 1n);
  set('deep/link', 1_234_567_890_123_456_789n);
  set('deep/er', 999_999_999n);
}

export function changeMatrixSource(root: string): void {
  const at = (name: string): string => join(root, name);
  fs.writeFileSync(at('added'), 'added');
  fs.mkdirSync(at('new'));
  fs.writeFileSync(at('new/file'), 'added as well');
  fs.writeFileSync(at('deep/file-1'), 'changed');
  fs.rmSync(at('deep/file-2'));
  fs.rmSync(at('deep/file-3'));
  fs.symlinkSync('file-4', at('deep/file-3'));
}
