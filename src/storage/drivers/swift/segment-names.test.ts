import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { objectOf, segmentKey, segmentsOf, uploadOf } from './segment-names.ts';

const below = (prefix: string): { readonly keyOf: (name: string) => string } => ({
  keyOf: (name) => (prefix === '' ? name : `${prefix}/${name}`),
});

describe('the folder of segments', () => {
  it('tells which object they are of, and is a folder of one object only', () => {
    const name = fc.stringMatching(/^[a-c/%F25]{1,12}$/u);
    fc.assert(
      fc.property(name, name, fc.constantFrom('', 'p', 'p/q'), (one, other, prefix) => {
        const client = below(prefix);
        expect(objectOf(client, segmentsOf(client, one))).toBe(one);
        expect(segmentsOf(client, one).startsWith(segmentsOf(client, other))).toBe(one === other);
      }),
    );
  });

  it('is nobody’s in another prefix', () => {
    expect(objectOf(below('p'), segmentsOf(below('q'), 'archives/a'))).toBeUndefined();
  });

  it('holds uploads, and what is not one of ours is none', () => {
    const client = below('p');
    const upload = '0123456789abcdef01234567';
    const folder = segmentsOf(client, 'archives/a');
    expect(uploadOf(folder, segmentKey(client, 'archives/a', upload, '00000001'))).toBe(upload);
    expect(uploadOf(folder, `${folder}slo/1795663402.0/300/00000001`)).toBeUndefined();
  });

  it('is refused where its name is longer than Swift takes', () => {
    expect(() => segmentKey(below(''), 'a/'.repeat(400), '0'.repeat(24), '00000001')).toThrow(
      expect.objectContaining({ code: 'NOT_SUPPORTED' }),
    );
  });
});
