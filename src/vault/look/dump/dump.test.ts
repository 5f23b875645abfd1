import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { unpackTar } from 'modern-tar';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../../../base/bytes.ts';
import type { BlobId } from '../../../base/ids.ts';
import { parseGoTime } from '../../../formats/go-time.ts';
import { goModeFromStat } from '../../../formats/tree/go-mode.ts';
import type { Node } from '../../../formats/tree/node.ts';
import type { DumpEntry } from './dump-entry.ts';
import { writeTar } from './tar-writer.ts';
import { writeZip } from './zip-writer.ts';

const time = parseGoTime('2026-11-19T12:00:00.123456789Z');
const common = {
  mtime: time,
  atime: time,
  ctime: time,
  uid: 1000,
  gid: 1000,
  user: 'ann',
  group: 'users',
  inode: 0n,
  deviceId: 1n,
  links: 1n,
  extendedAttributes: [],
};
const contents = new Map<string, Uint8Array>();

function file(name: string | Uint8Array, content: string | Uint8Array, parts: Partial<Node> = {}): DumpEntry {
  const bytes = typeof content === 'string' ? utf8(content) : content;
  const id = String(contents.size).padStart(64, '0') as BlobId;
  contents.set(id, bytes);
  const raw = typeof name === 'string' ? utf8(name) : name;
  const node = {
    ...common,
    type: 'file',
    name: raw,
    mode: goModeFromStat(0o100640),
    size: BigInt(bytes.length),
    content: [id],
    ...parts,
  } as Node;
  return { name: raw, node };
}

function folder(name: string): DumpEntry {
  return {
    name: utf8(name),
    node: {
      ...common,
      type: 'dir',
      name: utf8(name),
      mode: goModeFromStat(0o040755),
      subtree: '0'.repeat(64) as BlobId,
    },
  };
}

function link(name: string, target: string): DumpEntry {
  return {
    name: utf8(name),
    node: { ...common, type: 'symlink', name: utf8(name), mode: goModeFromStat(0o120777), linkTarget: utf8(target) },
  };
}

function socket(name: string): DumpEntry {
  return { name: utf8(name), node: { ...common, type: 'socket', name: utf8(name), mode: goModeFromStat(0o140755) } };
}

async function* read(node: Extract<Node, { type: 'file' }>): AsyncGenerator<Uint8Array> {
  for (const id of node.content) yield contents.get(id)!;
}

async function* stream(entries: readonly DumpEntry[]): AsyncGenerator<DumpEntry> {
  yield* entries;
}

async function bytesOf(
  write: typeof writeTar,
  entries: readonly DumpEntry[],
  skipped: string[] = [],
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of write(stream(entries), read, ({ node }, why) => skipped.push(`${node.type}: ${why}`)))
    parts.push(part);
  return concatBytes(parts);
}

let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'cairn-dump-'));
});
afterEach(() => {
  rmSync(scratch, { recursive: true });
});

describe('tar', () => {
  it('is read by another implementation', async () => {
    const long = `${'x'.repeat(120)}/ü.txt`;
    const entries = [folder('d'), file('d/a', 'hello'), file(long, 'long'), link('d/l', 'a'), file('empty', '')];
    const back = await unpackTar(await bytesOf(writeTar, entries));
    expect(back.map(({ header, data }) => [header.name, header.type, Buffer.from(data ?? []).toString()])).toEqual([
      ['d/', 'directory', ''],
      ['d/a', 'file', 'hello'],
      [long, 'file', 'long'],
      ['d/l', 'symlink', ''],
      ['empty', 'file', ''],
    ]);
    expect(back[1]?.header).toMatchObject({ mode: 0o640, uid: 1000, gid: 1000, uname: 'ann', gname: 'users' });
  });

  it('keeps names that are not UTF-8, nanoseconds, big ids and attributes for GNU tar', async () => {
    const name = Buffer.from([0x61, 0xff, 0x62]);
    const big = file(name, 'x', {
      uid: 4_000_000_000,
      extendedAttributes: [{ name: utf8('user.k'), value: Buffer.from([0, 10, 255]) }],
    });
    const tar = await bytesOf(writeTar, [big]);
    expect(tar.length % 512).toBe(0);
    expect(Buffer.from(tar).includes(Buffer.concat([utf8('path='), name, utf8('\n')]))).toBe(true);
    expect(Buffer.from(tar).includes('mtime=1795089600.123456789\n')).toBe(true);
    expect(Buffer.from(tar).includes('uid=4000000000\n')).toBe(true);
    expect(
      Buffer.from(tar).includes(Buffer.concat([utf8('SCHILY.xattr.user.k='), Buffer.from([0, 10, 255, 10])])),
    ).toBe(true);
  });

  it.each([1, 97, 98, 99, 100, 988, 989, 990, 1000])(
    'counts the length of a record that counts itself (%d)',
    async (length) => {
      const tar = Buffer.from(
        await bytesOf(writeTar, [
          file('a', '', { extendedAttributes: [{ name: utf8('user.x'), value: Buffer.alloc(length, 97) }] }),
        ]),
      );
      const at = tar.indexOf(' SCHILY.xattr.user.x=');
      const start = tar.lastIndexOf('\n', at) > 512 ? tar.lastIndexOf('\n', at) + 1 : 512;
      const declared = Number(tar.subarray(start, at).toString());
      expect(tar[start + declared - 1]).toBe(0x0a);
      expect(tar.subarray(start, start + declared).indexOf(0x0a)).toBe(declared - 1);
    },
  );

  it('writes the second name of a file as a hard link', async () => {
    const twice = { links: 2n, inode: 7n };
    const back = await unpackTar(await bytesOf(writeTar, [file('one', 'same', twice), file('two', 'same', twice)]));
    expect(back.map(({ header }) => [header.type, header.linkname ?? ''])).toEqual([
      ['file', ''],
      ['link', 'one'],
    ]);
  });

  it('tells what it leaves out', async () => {
    const skipped: string[] = [];
    await bytesOf(writeTar, [socket('s')], skipped);
    expect(skipped).toEqual(['socket: tar has no place for a socket']);
  });

  it('refuses a file that is shorter or longer than its entry says', async () => {
    await expect(bytesOf(writeTar, [file('a', 'abc', { size: 4n })])).rejects.toMatchObject({
      code: 'BLOB_CORRUPT',
    });
    await expect(bytesOf(writeTar, [file('a', 'abc', { size: 2n })])).rejects.toMatchObject({
      code: 'BLOB_CORRUPT',
    });
  });

  it.skipIf(spawnSync('tar', ['--version']).status !== 0)('is unpacked by the tar of this machine', async () => {
    const path = join(scratch, 'x.tar');
    writeFileSync(path, await bytesOf(writeTar, [folder('d'), file('d/ü', 'hello'), link('d/l', 'ü')]));
    execFileSync('tar', ['-xf', path, '-C', scratch, '--no-same-owner']);
    expect(readFileSync(join(scratch, 'd', 'l'), 'utf8')).toBe('hello');
  });
});

describe('zip', () => {
  it('has a directory that leads to every entry', async () => {
    const content = 'hello '.repeat(1000);
    const zip = Buffer.from(await bytesOf(writeZip, [folder('d'), file('d/ä.txt', content), link('d/l', 'ä.txt')]));
    const end = zip.subarray(zip.length - 22);
    expect([end.readUInt32LE(0), end.readUInt16LE(8), end.readUInt16LE(10)]).toEqual([0x06054b50, 3, 3]);
    const names: string[] = [];
    let at = end.readUInt32LE(16);
    for (let n = 0; n < 3; n++) {
      expect(zip.readUInt32LE(at)).toBe(0x02014b50);
      const [method, stored, size] = [zip.readUInt16LE(at + 10), zip.readUInt32LE(at + 20), zip.readUInt32LE(at + 24)];
      const [nameLength, extraLength, local] = [
        zip.readUInt16LE(at + 28),
        zip.readUInt16LE(at + 30),
        zip.readUInt32LE(at + 42),
      ];
      const data = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
      const raw = zip.subarray(data, data + stored);
      const plain = method === 8 ? inflateRawSync(raw) : raw;
      expect(plain.length).toBe(size);
      names.push(
        `${zip.subarray(at + 46, at + 46 + nameLength).toString()}=${plain.length > 10 ? plain.length : plain.toString()}`,
      );
      at += 46 + nameLength + extraLength;
    }
    expect(names).toEqual(['d/=', `d/ä.txt=${content.length}`, 'd/l=ä.txt']);
  });

  it('tells what it leaves out', async () => {
    const skipped: string[] = [];
    await bytesOf(writeZip, [socket('s')], skipped);
    expect(skipped).toEqual(['socket: zip has no place for a socket']);
  });

  it('passes a failure of the content on', async () => {
    const failing = writeZip(
      stream([file('a', 'x')]),
      () => {
        throw new Error('unreadable');
      },
      () => {},
    );
    await expect(Array.fromAsync(failing)).rejects.toThrow('unreadable');
  });

  it.skipIf(spawnSync('python3', ['--version']).status !== 0)('is tested good by Python', async () => {
    const path = join(scratch, 'x.zip');
    const random = Buffer.from(Array.from({ length: 100_000 }, (_, at) => (at * 2_654_435_761) >>> 24));
    writeFileSync(path, await bytesOf(writeZip, [folder('d'), file('d/a', random), file('e', ''), link('l', 'e')]));
    expect(execFileSync('python3', ['-m', 'zipfile', '-t', path], { encoding: 'utf8' })).toContain('Done testing');
  });
});
