import { describe, expect, it } from 'vitest';
import { utf8, utf8Lossy } from '../base/bytes.ts';
import { decodeSidecar, encodeSidecar, type Sidecar } from './sidecar.ts';

const sidecar: Sidecar = {
  name: 'mydir',
  host: 'desk',
  time: new Date('2026-11-25T23:30:05.123Z'),
  tags: ['nightly'],
  paths: ['/home/ann/mydir'],
  codec: 'zstd',
  encryption: 'age-passphrase',
  headerBytes: 150,
  fileCount: 2,
  directoryCount: 1,
  sourceBytes: 10,
  tarBytes: 10_240,
  storedBytes: 300,
  storedSha256: 'a'.repeat(64),
  tarSha256: 'b'.repeat(64),
  problems: 0,
  program: 'cairn 0.1.0',
};

describe('B20: a sidecar', () => {
  it('comes back as it was written', () => {
    expect(decodeSidecar(encodeSidecar(sidecar))).toEqual(sidecar);
  });

  it('of a later version is refused as such, and what a later one added is let pass', () => {
    const text = utf8Lossy(encodeSidecar(sidecar));
    expect(() => decodeSidecar(utf8(text.replace('"version": 1', '"version": 2')))).toThrow(
      expect.objectContaining({ code: 'VAULT_UNSUPPORTED' }),
    );
    expect(decodeSidecar(utf8(text.replace('"version": 1', '"version": 1, "later": {}')))).toEqual(sidecar);
  });

  it.each([
    ['"zstd"', '"lzma"'],
    ['"age-passphrase"', '"rot13"'],
    ['"fileCount": 2', '"fileCount": -2'],
    ['aaaa', 'xxxx'],
    ['2026-11-25T', 'yesterday'],
    ['{', '['],
  ])('in which %s became %s is refused', (from, to) => {
    expect(() => decodeSidecar(utf8(utf8Lossy(encodeSidecar(sidecar)).replace(from, to)))).toThrow(
      expect.objectContaining({ code: 'ARCHIVE_CORRUPT' }),
    );
  });
});
