// restic maintains a repository of ours, and repairs it after damage: both programs find it good, and ours restores it.
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Home } from '../e2e/cairn-program.ts';
import { type DescribedEntry, describeTree } from '../support/describe-tree.ts';
import {
  checkOurs,
  filesOf,
  initTheirs,
  listOurs,
  makeOurs,
  resticBytes,
  type ResticName,
  resticText,
  restoreOurs,
  runCairn,
  startRestic,
} from '../support/interop.ts';
import { changeMatrixSource, makeMatrixSource } from '../support/matrix-source.ts';
import { peersMissing } from '../support/peers.ts';

type Tree = Record<string, DescribedEntry>;

type BaseName = 'gear' | 'rabin' | 'version 1';

interface Base {
  readonly repo: string;
  /** Ids of the two backups, and what their source was then. */
  readonly first: string;
  readonly second: string;
  readonly firstTree: Tree;
  readonly secondTree: Tree;
}

interface Work {
  readonly repo: string;
  readonly base: Base;
}

let home: Home;
const bases = new Map<BaseName, Base>();

beforeAll(async () => {
  home = await Home.make();
  for (const name of ['gear', 'rabin', 'version 1'] as const) bases.set(name, await makeBase(name));
});
afterAll(() => home[Symbol.asyncDispose]());

async function makeBase(name: BaseName): Promise<Base> {
  const source = await home.folder(`source of ${name}`);
  const repo = home.file(`base of ${name}`);
  makeMatrixSource(source);
  if (name === 'version 1') await makeOurs(repo, 'rabin', 1);
  else await makeOurs(repo, name);
  const firstTree = describeTree(source);
  await runCairn(home, repo, ['backup', source]);
  changeMatrixSource(source);
  await runCairn(home, repo, ['backup', source]);
  const [first, second] = await listOurs(home, repo);
  return { repo, first: first!.id, second: second!.id, firstTree, secondTree: describeTree(source) };
}

let copies = 0;

function copyOf(base: Base): string {
  const repo = home.file(`copy-${++copies}`);
  fs.cpSync(base.repo, repo, { recursive: true });
  return repo;
}

interface Operation {
  readonly name: string;
  readonly peers?: readonly ResticName[];
  /** Which repositories: without it those of version 2. */
  readonly on?: readonly BaseName[];
  /** Works on the repository; returns the one to look at afterwards, if that is another one. */
  readonly run: (peer: ResticName, work: Work) => Promise<string | undefined>;
  /** The backups that must then be there, oldest first. */
  readonly left: (base: Base) => readonly Tree[];
}

const both = (base: Base): Tree[] => [base.firstTree, base.secondTree];

const operations: readonly Operation[] = [
  {
    name: 'forget --keep-last 1 --prune',
    on: ['gear', 'rabin', 'version 1'],
    run: async (peer, { repo }) => {
      await resticText(peer, repo, ['forget', '--keep-last', '1', '--prune']);
      return undefined;
    },
    left: ({ secondTree }) => [secondTree],
  },
  {
    name: 'prune --max-unused 0',
    run: async (peer, { repo, base }) => {
      await resticText(peer, repo, ['forget', base.second]);
      await resticText(peer, repo, ['prune', '--max-unused', '0']);
      return undefined;
    },
    left: ({ firstTree }) => [firstTree],
  },
  {
    name: 'tag --add',
    run: async (peer, { repo }) => {
      await resticText(peer, repo, ['tag', '--add', 'marked']);
      const tags = (await listOurs(home, repo)).map((backup) => backup.tags);
      expect(tags).toEqual([['marked'], ['marked']]);
      return undefined;
    },
    left: both,
  },
  {
    name: 'copy',
    run: async (peer, { repo }) => {
      const target = home.file(`target-${++copies}`);
      await initTheirs(peer, target, ['--from-repo', repo, '--copy-chunker-params']);
      await resticText(peer, target, ['copy', '--from-repo', repo]);
      return target;
    },
    left: both,
  },
  {
    name: 'rewrite --exclude',
    peers: ['restic-newest'],
    run: async (peer, { repo }) => {
      await resticText(peer, repo, ['rewrite', '--forget', '--exclude', 'noise', '--exclude', 'er']);
      return undefined;
    },
    left: (base) => both(base).map((tree) => without(tree, /^\/(?:noise$|deep\/er(?:\/|$))/)),
  },
  {
    name: 'the rebuilding of its index from all packs',
    on: ['gear'],
    run: async (peer, { repo }) => {
      await resticText(peer, repo, [...rebuildIndex(peer), '--read-all-packs']);
      return undefined;
    },
    left: both,
  },
  {
    name: 'migrate upgrade_repo_v2 and prune --repack-uncompressed',
    on: ['version 1'],
    run: async (peer, { repo }) => {
      await resticText(peer, repo, ['migrate', 'upgrade_repo_v2']);
      await resticText(peer, repo, ['prune', '--repack-uncompressed']);
      return undefined;
    },
    left: both,
  },
];

const without = (tree: Tree, pattern: RegExp): Tree =>
  Object.fromEntries(Object.entries(tree).filter(([name]) => !pattern.test(name)));

const rebuildIndex = (peer: ResticName): string[] => (peer === 'restic' ? ['rebuild-index'] : ['repair', 'index']);

describe.each(['restic', 'restic-newest'] as const)('our repository, maintained by %s', (peer) => {
  describe.skipIf(peersMissing(peer)).each(['gear', 'rabin', 'version 1'] as const)('%s', (name) => {
    for (const operation of operations) {
      const { on = ['gear', 'rabin'], peers = [peer] } = operation;
      if (!on.includes(name) || !peers.includes(peer)) continue;
      describe(`after ${operation.name}`, () => {
        afterOperation(peer, name, operation);
      });
    }
    if (name === 'version 1') return;
    describe('after an index file was lost', () => {
      afterLostIndex(peer, name);
    });
    describe('with a junk pack', () => {
      withJunkPack(peer, name);
    });
  });
});

function afterOperation(peer: ResticName, name: BaseName, operation: Operation): void {
  let base: Base;
  let repo: string;
  beforeAll(async () => {
    base = bases.get(name)!;
    const copy = copyOf(base);
    repo = (await operation.run(peer, { repo: copy, base })) ?? copy;
  });

  it('is good, says restic', async () => {
    expect(await resticText(peer, repo, ['check', '--read-data'])).toContain('no errors were found');
  });

  it('is good, say we', async () => {
    expect(await checkOurs(home, repo)).toMatchObject({ exit: 0, isGood: true, findings: [] });
  });

  it('has the backups that it should, as they were', async () => {
    const trees: Tree[] = [];
    for (const { id } of await listOurs(home, repo)) {
      trees.push(await restoreOurs(home, repo, id, `${repo}-${id}`));
    }
    expect(trees).toEqual(operation.left(base));
  });
}

function afterLostIndex(peer: ResticName, name: BaseName): void {
  let base: Base;
  let repo: string;
  beforeAll(() => {
    base = bases.get(name)!;
    repo = copyOf(base);
    const names = filesOf(repo, 'index');
    expect(names).toHaveLength(2);
    fs.rmSync(join(repo, 'index', names[0]!));
  });

  it('is damaged, say both', async () => {
    expect(await checkOurs(home, repo)).toMatchObject({ exit: 20, isGood: false });
    expect((await startRestic(peer, repo, ['check'])).exit).not.toBe(0);
  });

  it('is good for both once restic has rebuilt the index', async () => {
    await resticText(peer, repo, rebuildIndex(peer));
    expect(await resticText(peer, repo, ['check', '--read-data'])).toContain('no errors were found');
    expect(await checkOurs(home, repo)).toMatchObject({ exit: 0, isGood: true, findings: [] });
  });

  it('then gives all backups back', async () => {
    expect(await restoreOurs(home, repo, base.first, `${repo}-first`)).toEqual(base.firstTree);
    expect(await restoreOurs(home, repo, base.second, `${repo}-second`)).toEqual(base.secondTree);
  });
}

function withJunkPack(peer: ResticName, name: BaseName): void {
  let base: Base;
  let repo: string;
  let junk: string;
  beforeAll(() => {
    base = bases.get(name)!;
    repo = copyOf(base);
    const bytes = randomBytes(5000);
    const id = createHash('sha256').update(bytes).digest('hex');
    junk = join(repo, 'data', id.slice(0, 2), id);
    fs.mkdirSync(dirname(junk), { recursive: true });
    fs.writeFileSync(junk, bytes);
  });

  it('is no error for either', async () => {
    const theirs = await startRestic(peer, repo, ['check', '--read-data']);
    expect(theirs.exit).toBe(0);
    expect(`${theirs.stdout.toString()}${theirs.stderr}`).toContain('1 additional files were found');
    const ours = await checkOurs(home, repo);
    expect(ours).toMatchObject({ exit: 0, isGood: true });
    const [finding, ...more] = ours.findings;
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ severity: 'hint', object: expect.stringContaining(basename(junk)) as string });
  });

  it('is gone after restic prunes, and nothing else is', async () => {
    await resticBytes(peer, repo, ['prune']);
    expect(fs.existsSync(junk)).toBe(false);
    expect(await checkOurs(home, repo)).toMatchObject({ exit: 0, isGood: true, findings: [] });
    expect(await restoreOurs(home, repo, base.second, `${repo}-second`)).toEqual(base.secondTree);
  });
}
