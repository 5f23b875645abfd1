// The layers between a vault and its storage, from the inside out:
//
//   driver → log → circuit breaker → limits → retry → append-only or read-only
//
// Retry is outside of the limits, so that what waits for its next try, or for the circuit breaker, holds no place, and
// what is tried again is paid for again. The log is innermost: it shows every request, also those that are tried again.
import { appendOnly } from '../storage/layers/append-only.ts';
import { breaking, type CircuitNotice } from '../storage/layers/circuit-breaker.ts';
import { limited } from '../storage/layers/limit.ts';
import { logged } from '../storage/layers/log.ts';
import { readOnly } from '../storage/layers/read-only.ts';
import { type RetryNotice, retrying } from '../storage/layers/retry.ts';
import { openStorage, type OpenStorageOptions } from '../storage/open-storage.ts';
import type { Storage } from '../storage/storage.ts';
import type { StorageSettings } from './storage-settings.ts';
import type { VaultNotice } from './vault-options.ts';

type Notify = (notice: VaultNotice) => void;

/** From this failure of one operation on a user is told: those before are over in a moment. */
const WORTH_TELLING = 3;

/** Opens the storage at a URL, or takes an open one, and puts on the layers that it needs and `settings` ask for. */
export async function openStorageStack(
  place: string | Storage,
  settings: StorageSettings,
  notify: Notify,
  options: OpenStorageOptions = {},
): Promise<Storage> {
  const driver = typeof place === 'string' ? await openStorage(place, options) : place;
  const { onOperation } = settings;
  const storage = onOperation === undefined ? driver : logged(driver, onOperation);
  return withAccess(withLimits(storage, settings, notify), settings);
}

/** What fails on a disk of this machine fails again at once; what fails on a network is often over in a second. */
function withLimits(inner: Storage, settings: StorageSettings, notify: Notify): Storage {
  const { connections, uploadBytesPerSecond, downloadBytesPerSecond, giveUpAfterMs } = settings;
  const limits = { connections, uploadBytesPerSecond, downloadBytesPerSecond };
  if (!inner.features.remote)
    return Object.values(limits).every((limit) => limit === undefined) ? inner : limited(inner, limits);
  const rested = breaking(inner, { onChange: (notice) => notify(describeCircuit(inner.url, notice)) });
  return retrying(limited(rested, limits), {
    giveUpAfterMs,
    onRetry: (notice) => {
      // What the breaker holds back it has told of already.
      const isNew = notice.attempts >= WORTH_TELLING && notice.error.facts['asked'] !== false;
      if (isNew) notify(describeRetry(notice));
    },
  });
}

function withAccess(inner: Storage, settings: StorageSettings): Storage {
  if (settings.readOnly === true) return readOnly(inner);
  if (settings.appendOnly === true) return appendOnly(inner, { mayChange: (name) => name.startsWith('locks/') });
  return inner;
}

function describeRetry({ operation, error, attempts, delayMs }: RetryNotice): VaultNotice {
  const next = `trying again in ${seconds(delayMs)}`;
  return { level: 'info', message: `cannot ${operation} (${attempts} tries): ${error.message}; ${next}` };
}

function describeCircuit(url: string, notice: CircuitNotice): VaultNotice {
  if (notice.type === 'closed') {
    return { level: 'info', message: `${url} answers again after ${seconds(notice.downMs)}` };
  }
  const { failures, error, restMs } = notice;
  const message = `${url} has failed ${failures} times in a row: ${error.message}; asking again in ${seconds(restMs)}`;
  return { level: 'warning', message };
}

function seconds(ms: number): string {
  return `${Math.max(1, Math.round(ms / 1000))} s`;
}
