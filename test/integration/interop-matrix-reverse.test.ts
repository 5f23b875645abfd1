// Repositories that restic made, in every way it can: we list, check and restore them, and write into them.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Home } from '../e2e/cairn-program.ts';
import { type DescribedEntry, describeTree } from '../support/describe-tree.ts';
import {
  checkOurs,
  filesOf,
  initTheirs,
  listOurs,
  listTheirs,
  makeTheirs,
  type ResticName,
  resticText,
  restoreOurs,
  restoreTheirs,
  runCairn,
} from '../support/interop.ts';
import { makeMatrixSource } from '../support/matrix-source.ts';
import { findPeer } from '../support/peer-catalog.ts';
import { peersMissing } from '../support/peers.ts';
import { RESTIC_PASSWORD } from '../support/restic.ts';

const MIB = 1024 * 1024;

let home: Home;
let source: string;
/** What we add to each repository: some of it is there already. */
let addition: string;

beforeAll(async () => {
  home = await Home.make();
  source = await home.folder('source');
  makeMatrixSource(source, { noiseBytes: 9 * MIB });
  addition = await home.folder('addition');
  makeMatrixSource(addition);
  fs.copyFileSync(`${source}/noise`, `${addition}/noise-again`);
});
afterAll(() => home[Symbol.asyncDispose]());

interface Variant {
  readonly name: string;
  readonly version?: 1;
  /** Leaves a snapshot of the source as the newest; returns the repository if it is another one. */
  readonly make: (peer: ResticName, repo: string) => Promise<string | void>;
  /** Kinds of the hints that our check gives. */
  readonly findings?: readonly string[];
}

const backUp = async (peer: ResticName, repo: string, ...flags: readonly string[]): Promise<void> => {
  await resticText(peer, repo, ['backup', source, ...flags]);
};

const variants: readonly Variant[] = [
  { name: 'of version 1', version: 1, make: backUp },
  ...['off', 'auto', 'max'].map((level) => ({
    name: `of version 2 with compression ${level}`,
    make: (peer: ResticName, repo: string) => backUp(peer, repo, '--compression', level),
  })),
  { name: 'with compression off, then max', make: backUpAtTwoLevels },
  { name: 'with packs of 4 MiB', make: (peer, repo) => backUp(peer, repo, '--pack-size', '4') },
  { name: 'with packs of 128 MiB', make: (peer, repo) => backUp(peer, repo, '--pack-size', '128') },
  { name: 'with several keys', make: addKeys },
  { name: 'after a backup that was killed', make: killBackup, findings: ['pack-orphan'] },
  { name: 'after prune', make: prune },
  { name: 'after copy', make: copy },
  { name: 'after tag', make: tag },
];

async function backUpAtTwoLevels(peer: ResticName, repo: string): Promise<void> {
  await resticText(peer, repo, ['backup', `${source}/deep`, '--compression', 'off']);
  await backUp(peer, repo, '--compression', 'max');
}

async function addKeys(peer: ResticName, repo: string): Promise<void> {
  for (const name of ['second', 'third']) {
    const file = home.file(name);
    fs.writeFileSync(file, `${name} password\n`);
    await resticText(peer, repo, ['key', 'add', '--new-password-file', file]);
  }
  await backUp(peer, repo);
}

/** Kills restic when it has stored packs, and before it writes an index. */
async function killBackup(peer: ResticName, repo: string): Promise<void> {
  await backUp(peer, repo);
  const before = filesOf(repo, 'data').length;
  const child = spawn(findPeer(peer)!.path, ['--no-cache', '-r', repo, 'backup', '--stdin', '--pack-size', '4'], {
    env: { ...process.env, RESTIC_PASSWORD },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const exit = once(child, 'exit');
  child.stdin.on('error', () => {});
  child.stdin.write(randomBytes(40 * MIB));
  for (let i = 0; i < 600 && filesOf(repo, 'data').length < before + 2; i++) await sleep(50);
  child.kill('SIGKILL');
  await exit;
  expect(filesOf(repo, 'data').length).toBeGreaterThan(before);
}

async function prune(peer: ResticName, repo: string): Promise<void> {
  await resticText(peer, repo, ['backup', addition]);
  await backUp(peer, repo);
  const [first] = await listTheirs(peer, repo);
  await resticText(peer, repo, ['forget', first!.id]);
  await resticText(peer, repo, ['prune', '--max-unused', '0']);
}

async function copy(peer: ResticName, repo: string): Promise<string> {
  await backUp(peer, repo);
  const target = `${repo}-copy`;
  await initTheirs(peer, target, ['--from-repo', repo, '--copy-chunker-params']);
  await resticText(peer, target, ['copy', '--from-repo', repo]);
  return target;
}

async function tag(peer: ResticName, repo: string): Promise<void> {
  await backUp(peer, repo, '--tag', 'old');
  await resticText(peer, repo, ['tag', '--set', 'new,newer']);
}

describe.each(['restic', 'restic-newest'] as const)('a repository of %s', (peer) => {
  describe.skipIf(peersMissing(peer))('installed', () => {
    describe.each(variants)('$name', ({ make, version, findings = [] }) => {
      let repo: string;
      let theirs: Record<string, DescribedEntry>;
      beforeAll(async () => {
        repo = fs.mkdtempSync(home.file('repo-'));
        await makeTheirs(peer, repo, { version: version ?? 2 });
        repo = (await make(peer, repo)) ?? repo;
        theirs = await restoreTheirs(peer, repo, 'latest', source, `${repo}-theirs`);
      });

      it('has the backups that restic lists', async () => {
        const ours = (await listOurs(home, repo)).map(({ id, tags }) => ({ id, tags }));
        const listed = (await listTheirs(peer, repo)).map(({ id, tags }) => ({ id, tags: tags ?? [] }));
        expect(ours).toEqual(listed);
      });

      it('is good, say we', async () => {
        const ours = await checkOurs(home, repo);
        expect(ours).toMatchObject({ exit: 0, isGood: true });
        expect([...new Set(ours.findings.map(({ kind }) => kind))]).toEqual(findings);
      });

      it('is restored by us as by restic', async () => {
        const ours = await restoreOurs(home, repo, 'latest', `${repo}-ours`);
        expect(ours).toEqual(theirs);
      });

      it('is good, says restic, after our backup into it, which restic restores', async () => {
        await runCairn(home, repo, ['backup', addition]);
        expect(await resticText(peer, repo, ['check', '--read-data'])).toContain('no errors were found');
        const restored = await restoreTheirs(peer, repo, 'latest', addition, `${repo}-addition`);
        expect(restored).toEqual(describeTree(addition));
      });
    });
  });
});
