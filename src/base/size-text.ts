import { CairnArgumentError } from './errors.ts';

const units = ['', 'k', 'm', 'g', 't', 'p', 'e'];

/**
 * Bytes of a size such as `500`, `512K`, `10M`, `1.5G` or `2 TiB`; units are powers of 1024 whatever they are called, as
 * in restic, in either case. Parts of a byte are rounded down. Throws `ARGUMENT_INVALID`.
 */
export function parseSize(text: string): bigint {
  const match = /^(\d+)(?:\.(\d+))?\s*([kmgtpe]?)(?:i?b)?$/i.exec(text.trim());
  const [, whole, fraction = '', unit] = match ?? [];
  if (whole === undefined || unit === undefined) {
    throw new CairnArgumentError(`${JSON.stringify(text)} is not a size`, {
      hint: 'Write a number and a unit, such as 512K, 10M or 1.5G.',
    });
  }
  const shift = BigInt(10 * units.indexOf(unit.toLowerCase()));
  return (BigInt(whole + fraction) << shift) / 10n ** BigInt(fraction.length);
}
