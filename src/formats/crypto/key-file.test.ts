import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { vector, vectorNames } from '../../../test/support/vectors.ts';
import { idFromBytes } from '../../base/ids.ts';
import { createCodec } from '../../kernels/codec.ts';
import { decodeIndexFile } from '../index-file/index-file.ts';
import type { BlobType } from '../pack/pack-header.ts';
import { decodePackHeader, decodePackTrailer } from '../pack/pack-header.ts';
import { decodeUnpacked } from '../unpacked.ts';
import { createKeyFile, decodeKeyFile, deriveKey, encodeKeyFile, newMasterKey, openKeyFile } from './key-file.ts';
import { openBytes, sealBytes } from './sealed.ts';

const codec = createCodec();
const password = Buffer.from('cairn vectors');
const cheap = { N: 16, r: 1, p: 1 };
const origin = { username: 'u', hostname: 'h', created: { ns: 0n, offsetMinutes: 0 } };
const part = (size: number): string => Buffer.alloc(size, 7).toString('base64');
const KEY_CORRUPT = expect.objectContaining({ code: 'KEY_CORRUPT' });

describe('key file of restic', () => {
  it.each(vectorNames('key-file'))('encodes %s as it was', (name) => {
    const json = vector(name);
    expect(Buffer.from(encodeKeyFile(decodeKeyFile(json))).toString()).toBe(Buffer.from(json).toString());
  });

  it.each(['0.14.0', '0.19.1'])('opens everything that restic %s sealed', async (version) => {
    const keyFile = decodeKeyFile(vector(`key-file/restic-${version}.json`));
    const key = await openKeyFile(codec, keyFile, password);
    expect(openBytes(codec, key, vector(`config/restic-${version}.sealed`))).toEqual(
      vector(`config/restic-${version}.json`),
    );

    const index = decodeUnpacked(codec, openBytes(codec, key, vector(`index-file/restic-${version}.sealed`)));
    const listed = new Set<string>();
    let pack = '';
    decodeIndexFile(index, {
      pack: (id) => (pack = idFromBytes(id)),
      blob: (type, id, ...place) => listed.add([pack, type, idFromBytes(id), ...place].join(' ')),
    });
    const typeNumber: Record<BlobType, number> = { data: 0, tree: 1 };
    let compared = 0;
    for (const name of vectorNames('pack').filter((file) => file.includes(version))) {
      const bytes = vector(name);
      const packId = createHash('sha256').update(bytes).digest('hex');
      // One of them belongs to the other index file.
      if (![...listed].some((line) => line.startsWith(packId))) continue;
      const { headerOffset, headerLength } = decodePackTrailer(bytes, bytes.length);
      const header = openBytes(codec, key, bytes.subarray(headerOffset, headerOffset + headerLength));
      for (const { type, id, offset, length, uncompressedLength } of decodePackHeader(header, headerOffset)) {
        expect(listed).toContain([packId, typeNumber[type], id, offset, length, uncompressedLength].join(' '));
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(0);
  });
});

describe('createKeyFile', () => {
  it('wraps a master key that the password opens again', async () => {
    const master = newMasterKey();
    const keyFile = decodeKeyFile(encodeKeyFile(await createKeyFile(codec, master, password, { ...cheap, ...origin })));
    expect(await openKeyFile(codec, keyFile, password)).toEqual(master);
  });

  it('takes an empty password', async () => {
    const master = newMasterKey();
    const keyFile = await createKeyFile(codec, master, new Uint8Array(), { ...cheap, ...origin });
    expect(await openKeyFile(codec, keyFile, new Uint8Array())).toEqual(master);
  });

  it('never makes the same file twice', async () => {
    const master = newMasterKey();
    const make = async (): Promise<string> =>
      Buffer.from(encodeKeyFile(await createKeyFile(codec, master, password, { ...cheap, ...origin }))).toString();
    expect(await make()).not.toBe(await make());
  });
});

describe('openKeyFile', () => {
  it('tells a wrong password', async () => {
    const keyFile = await createKeyFile(codec, newMasterKey(), password, { ...cheap, ...origin });
    await expect(openKeyFile(codec, keyFile, Buffer.from('other'))).rejects.toMatchObject({ code: 'PASSWORD_WRONG' });
  });

  const zeros = Buffer.alloc(32);
  it.each([
    ['no document', ''],
    ['no mac', `{"encrypt":"${part(32)}"}`],
    ['a short key', `{"mac":{"k":"${part(16)}","r":"${part(16)}"},"encrypt":"${part(31)}"}`],
    ['a key of zeros', `{"mac":{"k":"${part(16)}","r":"${part(16)}"},"encrypt":"${zeros.toString('base64')}"}`],
    ['a k of zeros', `{"mac":{"k":"${zeros.toString('base64', 0, 16)}","r":"${part(16)}"},"encrypt":"${part(32)}"}`],
    ['an r of zeros', `{"mac":{"k":"${part(16)}","r":"${zeros.toString('base64', 0, 16)}"},"encrypt":"${part(32)}"}`],
  ])('refuses %s as a master key', async (_what, text) => {
    const salt = new Uint8Array(64);
    const userKey = await deriveKey(password, { ...cheap, salt });
    const keyFile = { ...cheap, ...origin, salt, data: sealBytes(codec, userKey, Buffer.from(text)) };
    await expect(openKeyFile(codec, keyFile, password)).rejects.toEqual(KEY_CORRUPT);
  });
});

describe('decodeKeyFile', () => {
  const json = Buffer.from(vector('key-file/restic-0.19.1.json')).toString();
  it.each([
    ['another derivation', json.replace('scrypt', 'argon2')],
    ['an N that is no power of two', json.replace('32768', '32767')],
    ['an N that takes gigabytes', json.replace('32768', '1048576').replace('"r":8', '"r":16')],
    ['a p that takes minutes', json.replace('"p":3', '"p":4096')],
    ['a p of 0', json.replace('"p":3', '"p":0')],
    ['no r', json.replace('"r":8,', '')],
    ['a salt of another size', json.replace(/"salt":"[^"]*"/, '"salt":"AAAA"')],
    ['a salt that is not base64', json.replace('"salt":"', '"salt":"!')],
    ['data that is too short', json.replace(/"data":"[^"]*"/, '"data":"AAAA"')],
    ['a truncated file', json.slice(0, 100)],
  ])('refuses %s', (_what, text) => {
    expect(() => decodeKeyFile(Buffer.from(text))).toThrow(KEY_CORRUPT);
  });
});
