import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../../base/bytes.ts';
import { openPosix } from '../../base/posix/open-posix.ts';
import { AT_FDCWD, STAT_FIELDS } from '../../base/posix/posix.ts';
import { FileReader, type ReadFile } from './file-reader.ts';
import { type ChunkVisitor, type FileEnd, FileWindow, type ReadAt } from './file-window.ts';

const folder = mkdtempSync(join(tmpdir(), 'cairn-file-reader-'));
const posix = openPosix();
const idOf = (blob: Uint8Array): Uint8Array => createHash('sha256').update(blob).digest();

/** Fails, when told so, in the place of the third chunk, as a disk does that cannot be read. */
class Window extends FileWindow {
  fails = false;

  override chunks(read: ReadAt, from: number, { visit, settle }: ChunkVisitor): FileEnd {
    let seen = 0;
    return super.chunks(read, from, {
      visit: (chunk, offset) => {
        if (this.fails && ++seen === 3) throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
        return visit(chunk, offset);
      },
      settle,
    });
  }
}

class Bench {
  readonly window = new Window({ kind: 'gear' });
  readonly reader: FileReader = new FileReader(
    posix,
    this.window,
    { save: (blobs) => concatBytes(blobs.map(idOf)) },
    () => this.reader.forget(),
  );

  read(name: string): ReadFile {
    const path = utf8(join(folder, name));
    const stat = new BigInt64Array(STAT_FIELDS);
    posix.statInto(AT_FDCWD, path, stat);
    const fd = this.reader.open(AT_FDCWD, path);
    try {
      return this.reader.read(fd, stat, () => {});
    } finally {
      posix.close(fd);
    }
  }
}

function noise(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  for (let at = 0, x = 1; at < sizeBytes; at++) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = x >>> 24;
  }
  return bytes;
}

describe('FileReader', () => {
  writeFileSync(join(folder, 'large'), noise(12 * 1024 * 1024));
  writeFileSync(join(folder, 'other'), noise(5 * 1024 * 1024).reverse());
  afterAll(() => rmSync(folder, { recursive: true }));

  it('gives no chunk of a file that could not be read to the next file', () => {
    const bench = new Bench();
    bench.window.fails = true;
    expect(() => bench.read('large')).toThrow('EIO');
    bench.window.fails = false;
    expect(bench.read('other').content).toEqual(new Bench().read('other').content);
  });

  it('keeps small files in the window until it is told to forget them', () => {
    const bench = new Bench();
    const contents = ['first', 'second', ''].map((text, at) => {
      writeFileSync(join(folder, `small-${at}`), text);
      return bench.read(`small-${at}`).content;
    });
    expect(
      contents.map((content) => (content.kind === 'read' ? Buffer.from(content.plain).toString() : 'saved')),
    ).toEqual(['first', 'second', 'saved']);
  });

  it('reads small files whole, however many there were before', () => {
    const bench = new Bench();
    writeFileSync(join(folder, 'medium'), noise(400_000));
    for (let i = 0; i < 100; i++) expect(bench.read('medium')).toMatchObject({ sizeBytes: 400_000, isSteady: true });
  });
});
