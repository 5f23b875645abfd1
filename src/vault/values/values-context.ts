import { systemClock } from '../../base/clock.ts';
import type { Repository } from '../../repository/repository.ts';
import type { ValuesContext } from '../../values/value-shelf.ts';
import type { VaultSettings } from '../vault-session.ts';

/** The shelf of values of a vault. Not from the cache, which holds nothing of it. */
export function valuesContext(
  { origin }: Pick<Repository, 'origin'>,
  { notify, ageWorkFactor }: Pick<VaultSettings, 'notify' | 'ageWorkFactor'>,
): ValuesContext {
  return {
    storage: origin,
    clock: systemClock,
    workFactor: ageWorkFactor,
    warn: (message) => notify({ level: 'warning', message }),
  };
}
