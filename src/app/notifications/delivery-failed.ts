import { CairnError, type CairnErrorOptions } from '../../base/errors.ts';

/** That a message did not arrive. Names the channel and what it said, never an address: those are secrets. */
export function deliveryFailed(message: string, options: CairnErrorOptions = {}): CairnError {
  return new CairnError('NOTIFICATION_FAILED', message, options);
}
