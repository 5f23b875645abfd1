import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asBuffer, utf8 } from '../../base/bytes.ts';
import { CairnError } from '../../base/errors.ts';
import { idToBytes } from '../../base/ids.ts';
import { openPosix } from '../../base/posix/open-posix.ts';
import { posixError } from '../../base/posix/posix-error.ts';
import { AT_FDCWD, FileType, type Posix } from '../../base/posix/posix.ts';
import type { ChunkerSpec } from '../../formats/chunker/chunker.ts';
import { decodePackHeader } from '../../formats/pack/pack-header.ts';
import type { Node } from '../../formats/tree/node.ts';
import { decodeTree } from '../../formats/tree/tree-decoder.ts';
import { assembleTree } from '../../formats/tree/tree-encoder.ts';
import { chunkSizes } from '../../kernels/chunk-sizes.ts';
import { createCodec } from '../../kernels/codec.ts';
import { decodeBlob } from '../../repository/blob-codec.ts';
import { BLOB_DATA, BlobIndex } from '../../repository/index/blob-index.ts';
import { PACK_HEADER_ROOM } from '../../repository/pack-builder.ts';
import { BlobSaver } from './blob-saver.ts';
import { FileWindow } from './file-window.ts';
import { LeafSaver } from './leaf-saver.ts';
import { CONTROL_SLOTS, type LeafResult, type LeafRunResult, type WorkerSetup } from './messages.ts';

const { min } = chunkSizes;
const PACK_BYTES = 96 * 1024 * 1024;
const codec = createCodec();
const posix = openPosix();
const key = { encrypt: new Uint8Array(32).fill(1), macK: new Uint8Array(16).fill(2), macR: new Uint8Array(16).fill(3) };
const slot = new SharedArrayBuffer(PACK_BYTES + chunkSizes.max + PACK_HEADER_ROOM);
// restic's own example.
const rabin: ChunkerSpec = { kind: 'rabin', polynomial: 0x3da3358b4dc173n };
const gear: ChunkerSpec = { kind: 'gear' };
const fixed: ChunkerSpec = { kind: 'fixed', size: 64 * 1024 };
const begun = new Uint8Array(0);
const windows = new Map<ChunkerSpec, FileWindow>();

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cairn-leaves-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface World {
  readonly spec?: ChunkerSpec;
  readonly system?: Posix;
  /** What the folder was; its blobs are stored. */
  readonly parent?: Pick<Saved, 'tree' | 'nodes'> | undefined;
  /** In version 1 nothing is compressed. */
  readonly level?: number | undefined;
  /** See `LeafRun`. */
  readonly onlyFiles?: boolean;
}

interface Saved {
  readonly tree: Uint8Array;
  readonly nodes: readonly Node[];
  readonly results: readonly LeafRunResult[];
  readonly stats: LeafResult['stats'];
  readonly problems: LeafResult['problems'];
  /** Content of each file, as its blobs have it. */
  readonly contents: ReadonlyMap<string, Uint8Array>;
}

/** Saves leaves of the folder; `runs` are their names, each group a task. */
function save(runs: readonly (readonly string[])[], world: World = {}): Saved {
  const { spec = gear, system = posix, parent, level, onlyFiles = false } = world;
  const setup: WorkerSetup = {
    kind: 'setup',
    index: BlobIndex.create({ blobs: 10_000, packs: 16 }).memory,
    key,
    chunker: spec,
    level,
    packSizeBytes: PACK_BYTES,
    readBytes: undefined,
    verify: true,
    slots: [slot],
    control: new SharedArrayBuffer(4 * (CONTROL_SLOTS + 1)),
    reading: { maxFileSize: undefined, ignoreInode: false, ignoreCtime: false, withAtime: false },
  };
  const window = windows.get(spec) ?? new FileWindow(spec);
  windows.set(spec, window);
  const index = new BlobIndex(setup.index);
  for (const node of parent?.nodes ?? []) {
    if (node.type === 'file') for (const id of node.content) index.claim(BLOB_DATA, idToBytes(id));
  }
  const saver = new BlobSaver(codec, index, setup, () => {
    throw new Error('a test has no more than one pack');
  });
  const leaves = new LeafSaver(system, codec, setup.reading, window, saver);
  const directory = utf8(folder);
  const results: LeafRunResult[] = [];
  const stats = { filesNew: 0, filesChanged: 0, filesUnmodified: 0, bytes: 0 };
  const problems: LeafResult['problems'][number][] = [];
  for (const names of runs) {
    const bytes = utf8(names.map((name) => `${name}\0`).join(''));
    const result = leaves.save({
      kind: 'leaves',
      runs: [{ directory, names: bytes, groups: Uint8Array.of(names.length), begun, onlyFiles, parent: parent?.tree }],
    });
    results.push(...result.runs);
    problems.push(...result.problems);
    for (const field of ['filesNew', 'filesChanged', 'filesUnmodified', 'bytes'] as const)
      stats[field] += result.stats[field];
  }
  const parts = results.flatMap((result) => result.parts).filter((part) => part instanceof Uint8Array);
  const tree = assembleTree(parts.filter(({ length }) => length > 0));
  const nodes = decodeTree(tree);
  return { tree, nodes, results, stats, problems, contents: contentsOf(nodes, saver) };
}

function contentsOf(nodes: readonly Node[], saver: BlobSaver): Map<string, Uint8Array> {
  const blobs = new Map<string, Uint8Array>();
  const pack = saver.flush();
  for (const entry of pack === undefined ? [] : decodePackHeader(pack.header, pack.sizeBytes)) {
    const sealed = new Uint8Array(slot).slice(entry.offset, entry.offset + entry.length);
    blobs.set(entry.id, decodeBlob(codec, key, sealed, { id: entry.id, uncompressedLength: entry.uncompressedLength }));
  }
  const contents = new Map<string, Uint8Array>();
  for (const node of nodes) {
    if (node.type !== 'file') continue;
    const parts = node.content.map((id) => blobs.get(id)).filter((part) => part !== undefined);
    if (parts.length === node.content.length) contents.set(asBuffer(node.name).toString(), Buffer.concat(parts));
  }
  return contents;
}

/** Bytes that no chunker finds the same pattern in. */
function noise(seed: number, length: number): Buffer {
  const out = Buffer.alloc(length);
  let state = seed * 2_654_435_761 + 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    out[at] = state >>> 16;
  }
  return out;
}

/** A system that does something when a file is looked at, by its name or open, or fails a call on it. */
function systemWith(hooks: {
  readonly afterStat?: (name: string) => void;
  readonly afterFirstFstat?: (name: string) => void;
  readonly openFails?: (name: string) => boolean;
  readonly xattrsFail?: (name: string) => boolean;
}): Posix {
  let opened = '';
  const looked = new Set<string>();
  return {
    ...posix,
    statInto: (dirfd, name, out) => {
      const found = posix.statInto(dirfd, name, out);
      hooks.afterStat?.(asBuffer(name).toString());
      return found;
    },
    fstatInto: (fd, out) => {
      posix.fstatInto(fd, out);
      if (looked.has(opened)) return;
      looked.add(opened);
      hooks.afterFirstFstat?.(opened);
    },
    openat: (dirfd, name, flags, mode) => {
      opened = asBuffer(name).toString();
      if (hooks.openFails?.(opened) === true) throw posixError('openat', constants.errno.EACCES, name);
      return posix.openat(dirfd, name, flags, mode);
    },
    fgetxattrs: (fd, onError) => {
      if (hooks.xattrsFail?.(opened) === true) throw posixError('flistxattr', constants.errno.EIO);
      return posix.fgetxattrs(fd, onError);
    },
  };
}

function fails(): never {
  throw posixError('getpwuid_r', constants.errno.EIO);
}

const write = (name: string, bytes: Uint8Array): void => writeFileSync(join(folder, name), bytes);
const idOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const namesOf = ({ nodes }: Saved): string[] => nodes.map(({ name }) => asBuffer(name).toString());

describe('files that wait for each other', () => {
  const kind = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('file' as const),
        size: fc.constantFrom(0, 1, 2, 4096, 70_000),
        same: fc.boolean(),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('file' as const),
        size: fc.constantFrom(min - 1, min, min + 1, 3 * min),
        same: fc.boolean(),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constantFrom('symlink' as const, 'unreadable' as const, 'missing' as const, 'attributes' as const),
      }),
    },
  );
  const entries = fc.array(fc.record({ what: kind, isKnown: fc.boolean() }), { maxLength: 80 });

  it.each([
    ['gear', gear, 3],
    ['rabin', rabin, undefined],
    ['fixed', fixed, 3],
  ] as const)('make the tree that each makes alone, cut by %s', (_, spec, level) => {
    fc.assert(
      fc.property(entries, fc.boolean(), (all, onlyFiles) => {
        rmSync(folder, { recursive: true, force: true });
        mkdirSync(folder);
        const failing = new Map<string, string>();
        const bytes = new Map<string, Uint8Array>();
        const names = all.map(({ what }, at) => {
          const name = String(at).padStart(3, '0');
          if (what.kind === 'symlink') symlinkSync('somewhere', join(folder, name));
          else if (what.kind === 'file') bytes.set(name, noise(what.same ? 1 : at, what.size));
          else if (what.kind !== 'missing') bytes.set(name, noise(at, 1000));
          if (what.kind !== 'file' && what.kind !== 'symlink') failing.set(name, what.kind);
          return name;
        });
        for (const [name, content] of bytes) write(name, content);
        const system = systemWith({
          openFails: (name) => failing.get(name) === 'unreadable',
          xattrsFail: (name) => failing.get(name) === 'attributes',
        });
        // Those that are known were saved before, by a system that could read all of them.
        const known = names.filter((name, at) => all[at]?.isKnown === true && failing.get(name) !== 'missing');
        const parent = save(
          known.map((name) => [name]),
          { spec, level },
        );
        const world = { spec, level, system, parent };
        const together = save([names], { ...world, onlyFiles });
        const alone = save(
          names.map((name) => [name]),
          world,
        );
        expect(Buffer.from(together.tree).toString()).toBe(Buffer.from(alone.tree).toString());
        expect(together.stats).toEqual(alone.stats);
        expect(together.problems).toEqual(alone.problems);
        expect(together.results[0]?.digests === undefined).toBe(together.problems.length > 0);
        for (const [name, content] of together.contents) expect(idOf(content)).toBe(idOf(bytes.get(name)!));
      }),
      { numRuns: 40 },
    );
  });
});

describe('a file among those that wait', () => {
  const others = Array.from({ length: 5 }, (_, at) => `${at}`);
  beforeEach(() => others.forEach((name, at) => write(name, noise(at, 1000 + at))));

  /** Something happens to `2` after it was looked at by its name, or open. */
  const saveWith = (happens: () => void, isOpen = false): Saved => {
    const onTwo = (name: string): void => (name === '2' ? happens() : undefined);
    const system = systemWith(isOpen ? { afterFirstFstat: onTwo } : { afterStat: onTwo });
    return save([others], { system, onlyFiles: isOpen });
  };

  function expectOthers(saved: Saved): void {
    for (const name of others) {
      if (name !== '2') expect(idOf(saved.contents.get(name)!)).toBe(idOf(noise(Number(name), 1000 + Number(name))));
    }
  }

  it.each([
    ['grows a little', noise(7, 1500)],
    ['grows beyond one chunk', noise(7, 3 * min)],
    ['shrinks', noise(7, 10)],
    ['becomes empty', noise(7, 0)],
  ])('that %s meanwhile is read once more', (_, content) => {
    for (const isOpen of [false, true]) {
      write('2', noise(2, 1002));
      const saved = saveWith(() => write('2', content), isOpen);
      expect(namesOf(saved)).toEqual(others);
      expect(idOf(saved.contents.get('2')!)).toBe(idOf(content));
      expect(saved.nodes[2]).toMatchObject({ size: BigInt(content.length) });
      expect(saved.problems).toEqual([]);
      expectOthers(saved);
    }
  });

  it('that goes is told, and those around it stay', () => {
    const saved = saveWith(() => rmSync(join(folder, '2')));
    expect(namesOf(saved)).toEqual(['0', '1', '3', '4']);
    expect(saved.problems).toMatchObject([{ code: 'SOURCE_MISSING' }]);
    expectOthers(saved);
  });

  it.each([
    ['goes', (): void => undefined],
    ['becomes a symlink', (): void => symlinkSync('0', join(folder, '2'))],
  ])('that %s once it is open is saved as it was', (_, then) => {
    const saved = saveWith(() => {
      rmSync(join(folder, '2'));
      then();
    }, true);
    expect(namesOf(saved)).toEqual(others);
    expect(idOf(saved.contents.get('2')!)).toBe(idOf(noise(2, 1002)));
    expectOthers(saved);
  });

  it.each(['symlink', 'fifo', 'directory'])(
    'that has become a %s since its folder was listed is taken for that',
    (what) => {
      rmSync(join(folder, '2'));
      if (what === 'symlink') symlinkSync('0', join(folder, '2'));
      else if (what === 'directory') mkdirSync(join(folder, '2'));
      else posix.mknodat(AT_FDCWD, utf8(join(folder, '2')), FileType.fifo | 0o600, 0n);
      const listed = save([others], { onlyFiles: true });
      const looked = save([others], { onlyFiles: false });
      expect(Buffer.from(listed.tree).toString()).toBe(Buffer.from(looked.tree).toString());
      expect(listed.problems).toEqual(looked.problems);
    },
  );

  it('that becomes a symlink is not followed, and told', () => {
    const saved = saveWith(() => {
      rmSync(join(folder, '2'));
      symlinkSync('0', join(folder, '2'));
    });
    expect(namesOf(saved)).toEqual(['0', '1', '3', '4']);
    expect(saved.problems).toMatchObject([{ code: 'SOURCE_UNREADABLE' }]);
    expectOthers(saved);
  });

  it.each(['0', '2', '4'])('that is a directory when it is looked at is told, and the tree is whole (%s)', (name) => {
    rmSync(join(folder, name));
    mkdirSync(join(folder, name));
    const saved = save([others]);
    expect(namesOf(saved)).toEqual(others.filter((other) => other !== name));
    expect(saved.problems).toMatchObject([{ code: 'SOURCE_CHANGED', path: utf8(join(folder, name)) }]);
    expect(saved.results[0]?.digests).toBeUndefined();
  });

  it('may be followed by many whose attributes cannot be read, and by one that is read whole', () => {
    // More than the window holds.
    const many = Array.from({ length: 24 }, (_, at) => `a${String(at).padStart(2, '0')}`);
    for (const name of many) write(name, noise(3, min - 1));
    const last = noise(4, min - 1);
    write('z', last);
    const system = systemWith({ xattrsFail: (name) => name.startsWith('a') });
    const saved = save([[...many, 'z']], { system });
    expect(namesOf(saved)).toEqual(['z']);
    expect(idOf(saved.contents.get('z')!)).toBe(idOf(last));
    expect(saved.problems).toHaveLength(many.length);
  });
});

describe('files that have been read', () => {
  it('keep their bytes when more follow than the window holds', () => {
    const names = Array.from({ length: 40 }, (_, at) => String(at).padStart(2, '0'));
    const sizes = [min, 100_000, min - 1, 0, min + 1];
    const contents = names.map((_, at) => noise(at, sizes[at % sizes.length] ?? 0));
    names.forEach((name, at) => write(name, contents[at]!));
    const saved = save([names]);
    expect(namesOf(saved)).toEqual(names);
    expect(names.map((name) => idOf(saved.contents.get(name)!))).toEqual(contents.map(idOf));
  });

  it('are not left out when they cannot be saved: the run ends, and not the file that is looked at', () => {
    for (const name of ['a', 'b']) write(name, noise(1, 100));
    symlinkSync('a', join(folder, 'c'));
    expect(() => save([['a', 'b', 'c']], { system: { ...posix, userName: fails } })).toThrow(CairnError);
  });
});

describe('a task', () => {
  it('saves what waits when it gives back the rest of its names', () => {
    // A task ends with the file by which it has read 64 MiB.
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const name of ['a', 'b', 'c', 'e', 'f']) write(name, noise(name.charCodeAt(0), 500_000));
    write('d', new Uint8Array(62.5 * 1024 * 1024));
    const saved = save([names]);
    expect(saved.results[0]?.rest?.names).toEqual(utf8('f\0'));
    expect(namesOf(saved)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(saved.contents.size).toBe(5);
  });
});
