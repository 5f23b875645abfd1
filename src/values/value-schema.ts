import { CairnError } from '../base/errors.ts';
import type { JsonValue } from './json-content.ts';
import type { ValueKey } from './value-key.ts';

/**
 * What a stored value is checked with: a function that returns the value as the type it should have, or throws; or an
 * object with the interface of Standard Schema (https://standardschema.dev, version 1), as zod, valibot and others make it.
 */
export type ValueSchema<T> = ((value: JsonValue) => T) | StandardSchema<T>;

/** The part of Standard Schema that is used. */
interface StandardSchema<T> {
  readonly '~standard': {
    readonly validate: (value: unknown) => SchemaResult<T> | Promise<SchemaResult<T>>;
  };
}

type SchemaResult<T> = { readonly value: T; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] };

interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Throws `VALUE_INVALID`, whose text says where and not what: values may be secrets. The schema's own words are in its cause. */
export async function applySchema<T>(key: ValueKey, value: JsonValue, schema: ValueSchema<T>): Promise<T> {
  // A schema may be callable as well.
  if ('~standard' in schema) {
    const result = await schema['~standard'].validate(value);
    if (result.issues === undefined) return result.value;
    const places = result.issues.slice(0, 10).map(placeOf);
    throw invalid(key, ` at ${places.join(', ')}`, new AggregateError(result.issues, 'the schema refused it'));
  }
  try {
    return schema(value);
  } catch (error) {
    throw invalid(key, '', error);
  }
}

function placeOf({ path = [] }: SchemaIssue): string {
  const steps = path.map((step) => String(typeof step === 'object' ? step.key : step));
  return steps.length === 0 ? 'its root' : steps.join('.');
}

function invalid(key: ValueKey, where: string, cause: unknown): CairnError {
  return new CairnError('VALUE_INVALID', `the value of ${JSON.stringify(key)} is not of the expected form${where}`, {
    hint: 'Read it without a schema to see what it is; `history` shows older versions.',
    cause,
    facts: { key },
  });
}
