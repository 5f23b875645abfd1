/**
 * The keys of a record, in the order in which they were written. The type is right for records that are written in place
 * and checked against all names of a union: a value from elsewhere may have keys that its type does not tell.
 */
export function recordKeys<K extends string>(record: Readonly<Record<K, unknown>>): K[] {
  // `Object.keys` gives plain strings, since it has to be right for any value.
  return Object.keys(record) as K[];
}
