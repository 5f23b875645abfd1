// The layers between a vault and its storage, from the inside out:
//
//   driver → log → circuit breaker → limits → retry → mirror, if there are several → retry → append-only or read-only
//
// Retry is outside of the limits, so that what waits for its next try, or for the circuit breaker, holds no place, and
// what is tried again is paid for again. The log is innermost: it shows every request, also those that are tried again.
import { isSidecar, isWritingMarker } from '../archives/shelf/shelf-listing.ts';
import { ARCHIVES } from '../archives/stored-name.ts';
import { systemClock } from '../base/clock.ts';
import { CairnError, hasCode, messageOf } from '../base/errors.ts';
import { extendEnv } from '../base/user-folder.ts';
import { appendOnly } from '../storage/layers/append-only.ts';
import { Bandwidth } from '../storage/layers/bandwidth.ts';
import { breaking, type CircuitNotice } from '../storage/layers/circuit-breaker.ts';
import { limited } from '../storage/layers/limit.ts';
import { logged } from '../storage/layers/log.ts';
import { readOnly } from '../storage/layers/read-only.ts';
import { type RetryNotice, retrying } from '../storage/layers/retry.ts';
import type { BehindReason } from '../storage/mirror/mirror-member.ts';
import { mirrored } from '../storage/mirror/mirror-storage.ts';
import type { MirrorChange, MirroredStorage } from '../storage/mirror/mirrored-storage.ts';
import { mirrorUrls } from '../storage/mirror/mirror-url.ts';
import { openStorage, type OpenStorageOptions } from '../storage/open-storage.ts';
import type { Storage } from '../storage/storage.ts';
import type { StorageSettings } from './storage-settings.ts';
import type { VaultNotice } from './vault-options.ts';

type Notify = (notice: VaultNotice) => void;

/** From this failed try of one operation on, the user is told: earlier ones are usually over in a moment. */
const WORTH_TELLING = 3;
/** A member of a mirror is given up earlier than a single storage, since others can answer; the mirror itself is not. */
const MEMBER_GIVES_UP_MS = 30_000;

/** The storage of a vault, ready to use. */
export interface StorageStack {
  readonly storage: Storage;
  /** Where it is several storages. */
  readonly mirror: MirroredStorage | undefined;
}

interface Limits {
  readonly connections: number | undefined;
  readonly uploadBytesPerSecond: Bandwidth | undefined;
  readonly downloadBytesPerSecond: Bandwidth | undefined;
}

/** A storage, as a URL or already open. */
type Place = string | Storage;

/**
 * Opens the storage at a URL, or takes an open one, and puts on the layers that it needs and `settings` ask for. Several,
 * or a URL that begins with `mirror:`, are a mirror.
 */
export async function openStorageStack(
  place: Place | readonly Place[],
  settings: StorageSettings,
  notify: Notify,
  options: OpenStorageOptions = {},
): Promise<StorageStack> {
  const limits = limitsOf(settings);
  const env = settings.env === undefined ? options.env : extendEnv(options.env ?? process.env, settings.env);
  const opening = { ...options, env, schemes: settings.schemes ?? options.schemes };
  const [first, ...others] = placesOf(place);
  if (first === undefined) throw new CairnError('STORAGE_URL_INVALID', 'no storage was named');
  if (others.length === 0) {
    const driver = await openPlace(first, opening);
    const storage = withLimits(withLog(driver, settings), limits, settings.giveUpAfterMs, notify);
    return { storage: withAccess(storage, settings), mirror: undefined };
  }
  const mirror = await openMirror([first, ...others], settings, limits, notify, opening);
  const storage = mirror.features.remote ? retried(mirror, settings.giveUpAfterMs, notify) : mirror;
  return { storage: withAccess(storage, settings), mirror };
}

function placesOf(place: Place | readonly Place[]): readonly Place[] {
  const places = typeof place === 'string' || 'url' in place ? [place] : place;
  return places.flatMap((one): readonly Place[] => (typeof one === 'string' ? (mirrorUrls(one) ?? [one]) : [one]));
}

function openPlace(place: Place, options: OpenStorageOptions): Storage | Promise<Storage> {
  return typeof place === 'string' ? openStorage(place, options) : place;
}

/** Each member with its own layers; what fails in one for half a minute is left to the others. */
async function openMirror(
  places: readonly Place[],
  settings: StorageSettings,
  limits: Limits,
  notify: Notify,
  options: OpenStorageOptions,
): Promise<MirroredStorage> {
  await using opened = new AsyncDisposableStack();
  const once: Storage[] = [];
  const urls = new Set<string>();
  for (const place of places) {
    const driver = opened.use(await openPlace(place, options));
    if (typeof place === 'string') refuseSecond(driver.url, urls);
    if (driver.features.resticNamesOnly === true) await askForShelves(driver, options.signal);
    once.push(limitedTo(withLog(driver, settings), limits, notify));
  }
  opened.move();
  const giveUpAfterMs = Math.min(settings.giveUpAfterMs ?? Infinity, MEMBER_GIVES_UP_MS);
  const storages = once.map((one) => (one.features.remote ? retried(one, giveUpAfterMs, notify) : one));
  return mirrored(storages, {
    once,
    copies: settings.mirrorCopies,
    markers: markersOf(storages),
    isMark: (name) => !name.startsWith(ARCHIVES) || isSidecar(name),
    isMutable: isSidecar,
    isPassing,
    onChange: (change) => notify(describeMirrorChange(change)),
  });
}

/** One place is one copy, however often it is named. */
function refuseSecond(url: string, urls: Set<string>): void {
  if (urls.has(url)) {
    throw new CairnError('STORAGE_URL_INVALID', `${url} is named twice, and a mirror is made of several places`, {
      hint: 'Name each place once.',
    });
  }
  urls.add(url);
}

const SHELVES_MS = 10_000;

/** Of a REST server it is known from its first answer whether it has shelves; of one that does not answer, that it has none now. */
async function askForShelves(driver: Storage, signal: AbortSignal | undefined): Promise<void> {
  const limit = AbortSignal.timeout(SHELVES_MS);
  try {
    await driver.stat('config', { signal: signal === undefined ? limit : AbortSignal.any([signal, limit]) });
  } catch {
    signal?.throwIfAborted();
  }
}

/**
 * Written when all they refer to is there (repository format, "Indexing"), so equal ones tell of equal packs. The sidecar of an
 * archive is written when the archive is there; values refer to nothing. A storage of restic's files has neither.
 */
function markersOf(storages: readonly Storage[]): readonly string[] {
  const markers = ['config', 'keys/', 'index/', 'snapshots/'];
  return storages.every(({ features }) => features.resticNamesOnly !== true)
    ? [...markers, 'values/', ARCHIVES]
    : markers;
}

function withLog(driver: Storage, { onOperation }: StorageSettings): Storage {
  return onOperation === undefined ? driver : logged(driver, onOperation);
}

/** Bandwidth is that of this machine's line: all storages of a mirror share it. */
function limitsOf({ connections, uploadBytesPerSecond, downloadBytesPerSecond }: StorageSettings): Limits {
  return {
    connections,
    uploadBytesPerSecond: bandwidth(uploadBytesPerSecond),
    downloadBytesPerSecond: bandwidth(downloadBytesPerSecond),
  };
}

function bandwidth(bytesPerSecond: number | undefined): Bandwidth | undefined {
  return bytesPerSecond === undefined ? undefined : new Bandwidth(bytesPerSecond, systemClock);
}

/** What fails on a disk of this machine fails again at once; what fails on a network is often over in a second. */
function withLimits(inner: Storage, limits: Limits, giveUpAfterMs: number | undefined, notify: Notify): Storage {
  const storage = limitedTo(inner, limits, notify);
  return inner.features.remote ? retried(storage, giveUpAfterMs, notify) : storage;
}

function limitedTo(inner: Storage, limits: Limits, notify: Notify): Storage {
  if (inner.features.remote) {
    const rested = breaking(inner, { onChange: (notice) => notify(describeCircuit(inner.url, notice)) });
    return limited(rested, limits);
  }
  return Object.values(limits).some((limit) => limit !== undefined) ? limited(inner, limits) : inner;
}

function retried(inner: Storage, giveUpAfterMs: number | undefined, notify: Notify): Storage {
  return retrying(inner, {
    giveUpAfterMs,
    onRetry: (notice) => {
      // The breaker has already reported what it holds back.
      const isNew = notice.attempts >= WORTH_TELLING && notice.error.facts['asked'] !== false;
      if (isNew) notify(describeRetry(notice));
    },
  });
}

/** Locks, and markers of archives that are being written: short-lived, so they say nothing of what a member holds. */
function isPassing(name: string): boolean {
  return name.startsWith(LOCKS) || isWritingMarker(name);
}

const LOCKS = 'locks/';

function shownPassing(name: string): string {
  return name.startsWith(LOCKS) ? `the lock ${name.slice(LOCKS.length, LOCKS.length + 8)}` : name;
}

function withAccess(inner: Storage, settings: StorageSettings): Storage {
  if (settings.readOnly === true) return readOnly(inner);
  if (settings.appendOnly === true) return appendOnly(inner, { mayChange: isPassing });
  return inner;
}

function describeRetry({ operation, error, attempts, delayMs }: RetryNotice): VaultNotice {
  const next = `trying again in ${seconds(delayMs)}`;
  // Once, since many requests may wait at the same time, and for long.
  const hint = attempts === WORTH_TELLING && error.hint !== undefined ? `. ${error.hint}` : '';
  return { level: 'info', message: `cannot ${operation} (${attempts} tries): ${error.message}; ${next}${hint}` };
}

function describeCircuit(url: string, notice: CircuitNotice): VaultNotice {
  if (notice.type === 'closed') {
    return { level: 'info', message: `${url} answers again after ${seconds(notice.downMs)}` };
  }
  const { failures, error, restMs } = notice;
  const message = `${url} has failed ${failures} times in a row: ${error.message}; asking again in ${seconds(restMs)}`;
  return { level: 'warning', message };
}

function describeMirrorChange(change: MirrorChange): VaultNotice {
  if (change.type === 'first-unreachable') {
    const why = hasCode(change.error, 'OBJECT_MISSING')
      ? 'holds no vault (is its disk mounted?)'
      : `cannot be reached (${messageOf(change.error)})`;
    const message = `${change.url}, the first of the mirror, ${why}; reading from another one, which may be older, and writing nothing`;
    return { level: 'warning', message };
  }
  if (change.type === 'left-in') {
    const { url, name, error } = change;
    const why = error === undefined ? '' : `, which did not take its removal (${messageOf(error)})`;
    const wayOut = name.startsWith(LOCKS)
      ? 'the next backup or restore with this mirror removes it, and so does `cairn unlock`'
      : 'a command on that storage alone settles it';
    return { level: 'warning', message: `${shownPassing(name)} stays in ${url}${why}; ${wayOut}` };
  }
  const { url, reason } = change.member;
  return {
    level: 'warning',
    message: `the mirror ${url} is behind: ${describeReason(reason)}; \`cairn mirror repair\` brings it up to date`,
  };
}

function describeReason(reason: BehindReason | undefined): string {
  if (reason === undefined) return 'nobody knows why';
  if (reason.kind === 'failed') return `it failed to ${reason.operation}: ${reason.message}`;
  return `${reason.missing} files of the vault are missing in it, ${reason.extra} are no longer in the vault`;
}

function seconds(ms: number): string {
  return `${Math.max(1, Math.round(ms / 1000))} s`;
}
