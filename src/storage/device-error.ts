import { hasCode } from '../base/errors.ts';

/**
 * Whether an error says that a device cannot read one object (EIO): a bad sector, while the rest can mostly be read.
 * Whoever goes through many objects names this one and goes on. It is no proof that the object is lost: another cable may
 * read it, so nothing is removed for it.
 */
export function saysUnreadable(error: unknown): boolean {
  return hasCode(error, 'STORAGE_IO') && error.facts['system'] === 'EIO';
}
