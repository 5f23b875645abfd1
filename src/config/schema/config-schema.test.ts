import { describe, expect, it } from 'vitest';
import { configJsonSchema } from './config-schema.ts';

interface Schema {
  readonly properties: Readonly<Record<string, Schema>>;
  readonly additionalProperties: Schema | boolean;
  readonly required?: readonly string[];
}

describe('the JSON Schema of a configuration', () => {
  const schema = configJsonSchema() as Schema;
  const vault = (of: Schema): Schema => of.properties['vaults']!.additionalProperties as Schema;

  it('knows the sections and the keys of an entry, and no others', () => {
    expect(Object.keys(schema.properties).toSorted()).toEqual(
      [
        'default',
        'hooks',
        'notifications',
        'plans',
        'plugins',
        'plugins_dir',
        'profiles',
        'sources',
        'vaults',
      ].toSorted(),
    );
    expect(schema.additionalProperties).toBe(false);
    expect(vault(schema)).toMatchObject({ required: ['url'], additionalProperties: false });
    expect(vault(schema).properties).toHaveProperty('password');
  });

  it('requires no key of an entry in a profile, which may change a single one', () => {
    const profile = schema.properties['profiles']!.additionalProperties as Schema;
    expect(vault(profile).properties).toHaveProperty('connections');
    expect(JSON.stringify(profile)).not.toContain('"required":[');
  });
});
