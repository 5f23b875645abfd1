import { CairnArgumentError } from '../../base/errors.ts';

const units = ['', 'k', 'm', 'g', 't', 'p', 'e'];

/** Bytes of a size such as `500`, `10M` or `1G`; units are powers of 1024, as in restic. Throws `ARGUMENT_INVALID`. */
export function parseSize(text: string): bigint {
  const match = /^(\d+)\s*([kmgtpe]?)(?:i?b)?$/i.exec(text.trim());
  const [, digits, unit] = match ?? [];
  if (digits === undefined || unit === undefined) {
    throw new CairnArgumentError(`${JSON.stringify(text)} is not a size`, {
      hint: 'Write a number and a unit, such as 10M or 1G.',
    });
  }
  return BigInt(digits) << BigInt(10 * units.indexOf(unit.toLowerCase()));
}
