import { isCairnError } from '../base/errors.ts';
import { readStored } from './read-value.ts';
import { loadShelf, type ValuesContext } from './value-shelf.ts';

/** Something in the shelf that is not as it should be. */
export interface ValueFinding {
  readonly kind: 'value-leftover' | 'value-unknown' | 'value-damaged';
  readonly object: string;
  readonly message: string;
}

export interface CheckedValues {
  readonly keys: number;
  readonly versions: number;
  readonly bytesRead: number;
}

export interface CheckValuesOptions {
  /** Also read every version and compare its checksum. */
  readonly readData: boolean;
  readonly onFinding: (finding: ValueFinding) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Looks at every value: what is damaged, what a delete left, what does not belong there. Changes nothing. */
export async function checkValues(
  context: Pick<ValuesContext, 'storage' | 'clock' | 'warn'>,
  { readData, onFinding, signal }: CheckValuesOptions,
): Promise<CheckedValues> {
  const { keys, foreign } = await loadShelf(context, { signal });
  for (const object of foreign) {
    onFinding({ kind: 'value-unknown', object, message: 'this is no value; cairn leaves it alone' });
  }
  let bytesRead = 0;
  for (const { tombstones, versions } of keys) {
    for (const object of tombstones) {
      const message = 'a delete that did not end; the next `cairn kv set` or `kv delete` ends it';
      onFinding({ kind: 'value-leftover', object, message });
    }
    for (const version of readData ? versions : []) {
      try {
        bytesRead += (await readStored(context, version, [], { signal })).length;
      } catch (error) {
        // Deleted since it was listed, which is no damage.
        if (isCairnError(error) && error.code === 'OBJECT_MISSING') continue;
        if (!isCairnError(error) || error.code !== 'VALUE_CORRUPT') throw error;
        onFinding({ kind: 'value-damaged', object: version.object, message: error.message });
      }
    }
  }
  return { keys: keys.length, versions: keys.reduce((sum, { versions }) => sum + versions.length, 0), bytesRead };
}
