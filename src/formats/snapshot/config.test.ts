import { describe, expect, it } from 'vitest';
import { vector } from '../../../test/support/vectors.ts';
import { decodeConfig, encodeConfig } from './config.ts';

const id = 'd4'.repeat(32);
const config = (fields: string): Uint8Array => Buffer.from(`{"version":2,"id":"${id}",${fields}}`);

describe('config', () => {
  it.each([
    ['config/restic-0.14.0.json', 0x32a1aafe2f4207n],
    ['config/restic-0.19.1.json', 0x21b991da9edd13n],
  ])('decodes %s and encodes it the same', (name, chunkerPolynomial) => {
    const json = vector(name);
    const decoded = decodeConfig(json);
    expect(decoded).toMatchObject({ version: 2, chunkerPolynomial, chunker: 'rabin', extra: {} });
    expect(Buffer.from(encodeConfig(decoded))).toEqual(Buffer.from(json));
  });

  it('keeps the fields of other programs', () => {
    const json = config('"chunker_polynomial":"3da3358b4dc173","is_hot":true,"treepack_size":18446744073709551615');
    expect(Buffer.from(encodeConfig(decodeConfig(json)))).toEqual(json);
  });

  it('records the gear chunker in a field that restic ignores', () => {
    const json = config('"chunker_polynomial":"3da3358b4dc173","cairn_chunker":"gear-v1"');
    const decoded = decodeConfig(json);
    expect([decoded.chunker, Buffer.from(encodeConfig(decoded)).toString()]).toEqual(['gear', json.toString()]);
  });

  it('refuses a chunker it does not know', () => {
    const json = config('"chunker_polynomial":"3da3358b4dc173","cairn_chunker":"gear-v2"');
    expect(() => decodeConfig(json)).toThrow(expect.objectContaining({ code: 'VAULT_UNSUPPORTED' }));
  });

  it.each([0, 3])('refuses version %d', (version) => {
    const json = Buffer.from(`{"version":${version},"id":"${id}","chunker_polynomial":"3da3358b4dc173"}`);
    expect(() => decodeConfig(json)).toThrow(expect.objectContaining({ code: 'VAULT_UNSUPPORTED' }));
  });

  it.each(['', '[]', '{"version":2}', '{"version":"2"}', `{"version":2,"id":"${id}","chunker_polynomial":"xyz"}`])(
    'refuses %j',
    (text) => {
      expect(() => decodeConfig(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'CONFIG_CORRUPT' }));
    },
  );
});
