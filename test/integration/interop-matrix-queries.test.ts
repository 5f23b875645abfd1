// What restic's plumbing and its queries say about a repository of ours.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listSnapshots } from '../../src/repository/snapshots.ts';
import { Home } from '../e2e/cairn-program.ts';
import { type DescribedEntry, describeTree } from '../support/describe-tree.ts';
import { fuseMissing } from '../support/fuse.ts';
import {
  cairnJson,
  cairnToFile,
  entryLine,
  filesOf,
  listOurs,
  listTheirs,
  makeOurs,
  openShared,
  ourBlobs,
  type PrintedEntry,
  type ResticName,
  resticBytes,
  resticJson,
  resticJsonLines,
  resticText,
  runCairn,
} from '../support/interop.ts';
import { changeMatrixSource, makeMatrixSource, matrixChanges } from '../support/matrix-source.ts';
import { findPeer } from '../support/peer-catalog.ts';
import { peersMissing } from '../support/peers.ts';
import { RESTIC_PASSWORD } from '../support/restic.ts';

let home: Home;
let source: string;
let repo: string;

beforeAll(async () => {
  home = await Home.make();
  source = await home.folder('source');
  repo = home.file('repo');
  makeMatrixSource(source);
  await makeOurs(repo, 'gear');
  await runCairn(home, repo, ['backup', source, '--tag', 'one,two']);
  changeMatrixSource(source);
  await runCairn(home, repo, ['backup', source]);
});
afterAll(() => home[Symbol.asyncDispose]());

/** The source as `entryLine` prints it. */
function sourceLines(): string[] {
  const paths = [source, ...fs.readdirSync(source, { recursive: true, encoding: 'utf8' }).map((p) => join(source, p))];
  return paths.map((path) => {
    const stats = fs.lstatSync(path, { bigint: true });
    const type = stats.isDirectory() ? 'dir' : stats.isSymbolicLink() ? 'symlink' : 'file';
    const size = type === 'file' ? stats.size : '-';
    return `${type} ${(stats.mode & 0o777n).toString(8)} ${stats.uid}:${stats.gid} ${size} ${stats.mtimeNs} ${path}`;
  });
}

type Described = Record<string, object>;

/** Without what an archive or a mount cannot say: which names are links of one file. */
function withoutLinks(tree: Record<string, DescribedEntry>): Described {
  return Object.fromEntries(Object.entries(tree).map(([name, entry]) => [name, { ...entry, sameAs: undefined }]));
}

/** What is in a tar archive; its times may be whole seconds. */
function extracted(archive: string): Described {
  const target = fs.mkdtempSync(home.file('tar-'));
  execFileSync('tar', ['-xpf', archive, '-C', target], { stdio: ['ignore', 'pipe', 'pipe'] });
  // restic puts the path of the folder before its entries, we its name.
  const root = [source, basename(source)].map((path) => join(target, path)).find((path) => fs.existsSync(path));
  return withoutTimes(describeTree(root!));
}

function withoutTimes(tree: Record<string, DescribedEntry>): Described {
  // The folder itself is no entry of its archive.
  const entries = Object.entries(withoutLinks(tree)).filter(([name]) => name !== '');
  return Object.fromEntries(entries.map(([name, entry]) => [name, { ...entry, mtimeNs: undefined }]));
}

describe.each(['restic', 'restic-newest'] as const)('our repository, seen by %s', (peer) => {
  describe.skipIf(peersMissing(peer))('installed', () => {
    describe('plumbing', () => {
      plumbing(peer);
    });
    describe('queries', () => {
      queries(peer);
    });
    // This depends on the machine, not on a program one could install: no failure where nothing may be skipped.
    const missing = fuseMissing();
    if (missing === undefined || process.env['CAIRN_REQUIRE_ALL'] !== '1') {
      it.skipIf(missing !== undefined)('mounts as the source is', () => mountTest(peer));
    }
  });
});

function plumbing(peer: ResticName): void {
  it('shows the config that we see', async () => {
    await using repository = await openShared(repo);
    const { version, id, chunkerPolynomial } = repository.config;
    expect(JSON.parse(await resticText(peer, repo, ['cat', 'config']))).toMatchObject({
      version,
      id,
      chunker_polynomial: chunkerPolynomial.toString(16),
    });
  });

  it('shows the master key that we use', async () => {
    await using repository = await openShared(repo);
    const { encrypt } = JSON.parse(await resticText(peer, repo, ['cat', 'masterkey'])) as { encrypt: string };
    expect(encrypt).toBe(Buffer.from(repository.key.encrypt).toString('base64'));
  });

  it('shows every index file, with all packs in them', async () => {
    const packs: string[] = [];
    for (const id of filesOf(repo, 'index')) {
      const index = JSON.parse(await resticText(peer, repo, ['cat', 'index', id])) as { packs: { id: string }[] };
      packs.push(...index.packs.map((pack) => pack.id));
    }
    expect(packs.sort()).toEqual(filesOf(repo, 'data'));
  });

  it('shows the bytes of every pack', async () => {
    for (const id of filesOf(repo, 'data')) {
      expect(sha256(await resticBytes(peer, repo, ['cat', 'pack', id]))).toBe(id);
    }
  });

  it('shows every snapshot, with the tree that we see', async () => {
    await using repository = await openShared(repo);
    for (const { id, snapshot } of await listSnapshots(repository)) {
      const theirs = JSON.parse(await resticText(peer, repo, ['cat', 'snapshot', id])) as object;
      expect(theirs).toMatchObject({ tree: snapshot.tree, paths: snapshot.paths });
    }
  });

  it('shows blobs of both types, and their bytes hash to their ids', async () => {
    const blobs = (await ourBlobs(repo)).map((line) => line.split(' '));
    for (const type of ['data', 'tree']) {
      const some = blobs.filter(([its]) => its === type).slice(0, 6);
      expect(some).toHaveLength(6);
      for (const [, id = ''] of some) expect(sha256(await resticBytes(peer, repo, ['cat', 'blob', id]))).toBe(id);
    }
  });

  it('lists the blobs that are in our index', async () => {
    const theirs = (await resticText(peer, repo, ['list', 'blobs'])).trim().split('\n');
    expect(theirs.sort()).toEqual(await ourBlobs(repo));
  });

  it.each([
    ['packs', 'data'],
    ['index', 'index'],
    ['snapshots', 'snapshots'],
    ['keys', 'keys'],
  ] as const)('lists %s as the files are', async (what, kind) => {
    const theirs = (await resticText(peer, repo, ['list', what])).trim().split('\n');
    expect(theirs.sort()).toEqual(filesOf(repo, kind));
  });
}

function queries(peer: ResticName): void {
  it('lists our snapshots as we do', async () => {
    const ours = (await listOurs(home, repo)).map(({ id, time, host, tags, paths }) => ({
      id,
      ms: Date.parse(time),
      host,
      tags,
      paths,
    }));
    const theirs = (await listTheirs(peer, repo)).map(({ id, time, hostname, tags, paths }) => ({
      id,
      ms: Date.parse(time),
      host: hostname,
      tags: tags ?? [],
      paths,
    }));
    expect(theirs).toEqual(ours);
  });

  it('lists the entries that the source has', async () => {
    const lines = await resticJsonLines<PrintedEntry & { struct_type: string }>(peer, repo, ['ls', 'latest']);
    const theirs = lines.filter((line) => line.struct_type === 'node' && line.path.startsWith(source)).map(entryLine);
    expect(theirs.sort()).toEqual(sourceLines().sort());
  });

  it('lists the entries that we list', async () => {
    const lines = await resticJsonLines<PrintedEntry & { struct_type: string }>(peer, repo, ['ls', 'latest']);
    const theirs = lines.filter((line) => line.struct_type === 'node').map(entryLine);
    const { entries } = await cairnJson<{ entries: PrintedEntry[] }>(home, repo, ['ls', 'latest']);
    expect(theirs.sort()).toEqual(entries.map(entryLine).sort());
  });

  it('finds what we find', async () => {
    const groups = await resticJson<{ matches: PrintedEntry[]; snapshot: string }[]>(peer, repo, ['find', 'file-1*']);
    const theirs = groups.flatMap(({ snapshot, matches }) => matches.map((entry) => `${snapshot} ${entryLine(entry)}`));
    const { matches } = await cairnJson<{ matches: { backup: { id: string }; entry: PrintedEntry }[] }>(home, repo, [
      'find',
      'file-1*',
    ]);
    const ours = matches.map(({ backup, entry }) => `${backup.id} ${entryLine(entry)}`);
    // file-1 and file-10 to file-19, in two snapshots.
    expect(ours).toHaveLength(22);
    expect(theirs.sort()).toEqual(ours.sort());
  });

  it('tells what changed between two snapshots', async () => {
    const ids = (await listOurs(home, repo)).map(({ id }) => id);
    const lines = await resticJsonLines<Record<string, string>>(peer, repo, ['diff', ...ids]);
    const theirs = lines
      .filter((line) => line['message_type'] === 'change')
      .map((line) => `${line['modifier']} ${line['path']?.replace(source, '')}`);
    expect(theirs.sort()).toEqual([...matrixChanges].sort());
  });

  it('tells the changes and their sizes as we do', async () => {
    const ids = (await listOurs(home, repo)).map(({ id }) => id);
    const lines = await resticJsonLines<Record<string, unknown>>(peer, repo, ['diff', ...ids]);
    const statistics = lines.find((line) => line['message_type'] === 'statistics') as {
      changed_files: number;
      added: { files: number; bytes: number };
      removed: { files: number; bytes: number };
    };
    const ours = await cairnJson<Record<string, unknown>>(home, repo, ['diff', ...ids]);
    expect(ours).toMatchObject({
      changedFiles: statistics.changed_files,
      added: { files: statistics.added.files, bytes: statistics.added.bytes },
      removed: { files: statistics.removed.files, bytes: statistics.removed.bytes },
    });
  });

  it('counts the raw data as we do', async () => {
    const theirs = await resticJson<Record<string, number>>(peer, repo, ['stats', '--mode', 'raw-data']);
    const ours = await cairnJson<Record<string, number>>(home, repo, ['stats']);
    expect({ bytes: theirs['total_size'], blobs: theirs['total_blob_count'] }).toEqual({
      bytes: ours['storedBytes'],
      blobs: ours['blobs'],
    });
  });

  it.each(['noise', 'text', 'nothing', 'deep/er/a "quoted" & <odd> näme\\'])('dumps the file %s', async (name) => {
    const theirs = await resticBytes(peer, repo, ['dump', 'latest', join(source, name)]);
    expect(sha256(theirs)).toBe(sha256(fs.readFileSync(join(source, name))));
  });

  it('dumps a directory as a tar that holds the source', async () => {
    const archive = home.file(`${peer}.tar`);
    fs.writeFileSync(archive, await resticBytes(peer, repo, ['dump', 'latest', source]));
    expect(extracted(archive)).toEqual(withoutTimes(describeTree(source)));
  });

  it('dumps a directory as the tar that we dump', async () => {
    const archive = home.file(`${peer}.tar`);
    fs.writeFileSync(archive, await resticBytes(peer, repo, ['dump', 'latest', source]));
    const ours = home.file('ours.tar');
    await cairnToFile(home, repo, ['dump', 'latest', source], ours);
    expect(extracted(ours)).toEqual(extracted(archive));
  });
}

async function mountTest(peer: ResticName): Promise<void> {
  const [latest] = (await listOurs(home, repo)).slice(-1);
  const mount = await home.folder(`mount-${peer}`);
  const child = spawn(findPeer(peer)!.path, ['--no-cache', '-r', repo, 'mount', mount], {
    env: { ...process.env, RESTIC_PASSWORD },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  try {
    const root = join(mount, 'ids', latest!.id.slice(0, 8), source);
    await appears(root, child);
    expect(asMounted(describeTree(root))).toEqual(asMounted(describeTree(source)));
  } finally {
    await unmount(mount, child);
  }
}

/**
 * What a mount of restic's own repositories keeps too: the old one drops the sticky bit, and both add a second to
 * times before 1970 that have a fraction.
 */
function asMounted(tree: Record<string, DescribedEntry>): Described {
  const entries = Object.entries(tree).map(([name, entry]) => {
    const mtimeNs = entry.mtimeNs.startsWith('-') ? 'before 1970' : entry.mtimeNs;
    return [name, { ...entry, sameAs: undefined, mtimeNs, mode: entry.mode.slice(-3) }] as const;
  });
  return Object.fromEntries(entries);
}

async function appears(path: string, child: ChildProcess): Promise<void> {
  for (let i = 0; i < 600; i++) {
    if (fs.existsSync(path)) return;
    if (child.exitCode !== null) throw new Error(`restic mount ended with ${child.exitCode}`);
    await sleep(50);
  }
  throw new Error('restic mounted nothing');
}

async function unmount(mount: string, child: ChildProcess): Promise<void> {
  const exit = child.exitCode === null ? once(child, 'exit') : undefined;
  child.kill('SIGINT');
  await exit;
  // Left mounted, nothing could remove the folder.
  for (const program of ['fusermount3', 'fusermount']) spawnSync(program, ['-u', '-z', mount], { stdio: 'ignore' });
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
