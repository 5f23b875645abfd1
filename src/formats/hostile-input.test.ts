// Every decoder, on random bytes and on damaged vectors: an answer or a CairnError, nothing else.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { vector } from '../../test/support/vectors.ts';
import type { ErrorCode } from '../base/error-codes.ts';
import { isCairnError } from '../base/errors.ts';
import { decodeKeyFile } from './crypto/key-file.ts';
import { parseJson } from './go-json.ts';
import { decodeIndexFile } from './index-file/index-file.ts';
import { decodeLock } from './lock/lock-file.ts';
import { decodePackHeader, decodePackTrailer } from './pack/pack-header.ts';
import { decodeConfig } from './snapshot/config.ts';
import { decodeSnapshot } from './snapshot/snapshot.ts';
import { decodeTree } from './tree/tree-decoder.ts';
import { scanTree } from './tree/tree-scanner.ts';
import { zstdSizeBound } from './zstd-size.ts';

interface Decoder {
  readonly name: string;
  readonly decode: (bytes: Uint8Array) => unknown;
  readonly sample: Uint8Array;
  readonly codes: readonly ErrorCode[];
}

const ignore = { pack: () => {}, blob: () => {} };
const header = Buffer.from(`0028000000${'ab'.repeat(32)}0304030201ff010000${'ab'.repeat(32)}`, 'hex');
const decoders: readonly Decoder[] = [
  {
    name: 'parseJson',
    decode: parseJson,
    sample: vector('snapshot/restic-0.19.1-first.json'),
    codes: ['FORMAT_INVALID'],
  },
  {
    name: 'decodeTree',
    decode: decodeTree,
    sample: vector('tree/restic-0.19.1-kinds.json'),
    codes: ['TREE_CORRUPT', 'NAME_HOSTILE'],
  },
  {
    name: 'scanTree',
    decode: (bytes) => scanTree(bytes, () => {}),
    sample: vector('tree/restic-0.19.1-kinds.json'),
    codes: ['NAME_HOSTILE'],
  },
  {
    name: 'decodeIndexFile',
    decode: (bytes) => decodeIndexFile(bytes, ignore),
    sample: vector('index-file/restic-0.19.1.json'),
    codes: ['INDEX_CORRUPT'],
  },
  {
    name: 'decodeSnapshot',
    decode: decodeSnapshot,
    sample: vector('snapshot/restic-0.19.1-first.json'),
    codes: ['SNAPSHOT_CORRUPT'],
  },
  { name: 'decodeLock', decode: decodeLock, sample: vector('lock/restic-0.19.1.json'), codes: ['LOCK_CORRUPT'] },
  {
    name: 'decodeKeyFile',
    decode: decodeKeyFile,
    sample: vector('key-file/restic-0.19.1.json'),
    codes: ['KEY_CORRUPT'],
  },
  {
    name: 'decodeConfig',
    decode: decodeConfig,
    sample: vector('config/restic-0.19.1.json'),
    codes: ['CONFIG_CORRUPT', 'VAULT_UNSUPPORTED'],
  },
  { name: 'decodePackHeader', decode: (bytes) => decodePackHeader(bytes), sample: header, codes: ['PACK_CORRUPT'] },
  {
    name: 'decodePackTrailer',
    decode: (bytes) => decodePackTrailer(bytes, 1000),
    sample: header,
    codes: ['PACK_CORRUPT'],
  },
  {
    name: 'zstdSizeBound',
    decode: zstdSizeBound,
    sample: Buffer.from('28b52ffd0458190000616263640a0b0c0d', 'hex'),
    codes: ['COMPRESSION_INVALID'],
  },
];

function expectAnswerOrTypedError({ decode, codes }: Decoder, bytes: Uint8Array): void {
  try {
    decode(bytes);
  } catch (error) {
    if (!isCairnError(error)) throw error;
    expect(codes).toContain(error.code);
  }
}

/** Cuts, flips, repeats and inserts, several times over. */
function damaged(sample: Uint8Array): fc.Arbitrary<Uint8Array> {
  const step = fc.record({
    at: fc.nat(sample.length),
    length: fc.nat(20),
    kind: fc.constantFrom('cut', 'overwrite', 'repeat', 'insert', 'end'),
    bytes: fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 4 }),
      fc
        .constantFrom('"', '\\', '{', '}', '[', ']', ',', ':', 'null', '0', '-1', '1e9', '{"a":1}', '\\u')
        .map((text) => Buffer.from(text)),
    ),
  });
  return fc.array(step, { minLength: 1, maxLength: 3 }).map((steps) => {
    let result: Buffer = Buffer.from(sample);
    for (const { at, length, kind, bytes } of steps) {
      const [before, after] = [result.subarray(0, at), result.subarray(at)];
      if (kind === 'end') result = before;
      else if (kind === 'cut') result = Buffer.concat([before, after.subarray(length)]);
      else if (kind === 'overwrite') result = Buffer.concat([before, bytes, after.subarray(bytes.length)]);
      else if (kind === 'repeat') result = Buffer.concat([before, after.subarray(0, length), after]);
      else result = Buffer.concat([before, bytes, after]);
    }
    return result;
  });
}

describe.each(decoders)('$name', (decoder) => {
  it('answers random bytes with a typed error', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => expectAnswerOrTypedError(decoder, bytes)));
  });

  it('answers damaged documents with a typed error', () => {
    fc.assert(
      fc.property(damaged(decoder.sample), (bytes) => expectAnswerOrTypedError(decoder, bytes)),
      { numRuns: 400 },
    );
  });

  it.each(['[', '{"a":', '{"packs":[', '{"nodes":[', '{"x":{"x":', '"', '9', '\\'])(
    'survives a million times %j',
    (text) => {
      expectAnswerOrTypedError(decoder, Buffer.from(text.repeat(1_000_000 / text.length)));
    },
  );
});
