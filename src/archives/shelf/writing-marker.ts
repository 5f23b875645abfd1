// The document `<stored>.writing.json`, which is there while an archive is being written:
// {"version":1,"host":…,"pid":n,"pidSpace":…,"startedAt":RFC 3339,"refreshedAt":RFC 3339}. As with the locks of the
// repository, `pidSpace` says where the pid means something; it is left out where the system does not tell.
import { type Clock, systemClock } from '../../base/clock.ts';
import { utf8 } from '../../base/bytes.ts';
import { CairnError, hasCode } from '../../base/errors.ts';
import { DocumentFields } from '../../formats/document-fields.ts';
import { ownProcess, type ProcessIdentity } from '../../repository/lock/process-identity.ts';
import type { Storage } from '../../storage/storage.ts';
import { markerOf } from './shelf-listing.ts';

const REFRESH_EVERY_MS = 5 * 60_000;
/**
 * Longer than any wait for a storage, and than the hours by which the clocks of two machines differ when one has a
 * wrong time zone.
 */
const DEAD_AFTER_MS = 24 * 60 * 60_000;

export interface MarkerFile {
  readonly host: string;
  readonly pid: number;
  readonly pidSpace: string | undefined;
  readonly startedAt: Date;
  readonly refreshedAt: Date;
}

/** Who marks, and when: injected in tests. */
export interface MarkerWorld {
  readonly clock?: Clock | undefined;
  readonly self?: ProcessIdentity | undefined;
}

export function encodeMarker(marker: MarkerFile): Uint8Array {
  return utf8(`${JSON.stringify({ version: 1, ...marker })}\n`);
}

/** Throws `ARCHIVE_CORRUPT`. */
export function decodeMarker(json: Uint8Array): MarkerFile {
  const fields = DocumentFields.parse(json, 'ARCHIVE_CORRUPT', 'marker of an archive');
  const time = (key: string): Date => new Date(Number(fields.time(key).ns / 1_000_000n));
  return {
    host: fields.string('host'),
    pid: fields.integer('pid'),
    pidSpace: fields.value('pidSpace') === undefined ? undefined : fields.string('pidSpace'),
    startedAt: time('startedAt'),
    refreshedAt: time('refreshedAt'),
  };
}

/** Whether nobody is writing any more, provably: the process ran here and is gone, or the marker was not refreshed for a day. */
export function isDead(marker: MarkerFile, { clock = systemClock, self = ownProcess() }: MarkerWorld): boolean {
  const nowMs = Number(clock.nowNs() / 1_000_000n);
  if (nowMs - marker.refreshedAt.getTime() > DEAD_AFTER_MS) return true;
  return marker.pidSpace !== undefined && marker.pidSpace === self.pidSpace && !self.isAlive(marker.pid);
}

/** Replaces a dead marker by one of ours; its writer, should it be alive after all, notices that. */
export async function takeOver(
  storage: Storage,
  object: string,
  { clock = systemClock, self = ownProcess(), signal }: MarkerWorld & { readonly signal: AbortSignal },
): Promise<void> {
  const now = new Date(Number(clock.nowNs() / 1_000_000n));
  await storage.write(markerOf(object), bytesOf(self, now, now), { signal });
}

/** A marker of ours, refreshed until it is disposed of. Disposing leaves the object: `remove` takes it away. */
export class WritingMarker implements AsyncDisposable {
  readonly #storage: Storage;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #self: ProcessIdentity;
  readonly #startedAt: Date;
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;

  private constructor(storage: Storage, name: string, clock: Clock, self: ProcessIdentity, startedAt: Date) {
    this.#storage = storage;
    this.#name = name;
    this.#clock = clock;
    this.#self = self;
    this.#startedAt = startedAt;
    this.#loop = this.#refresh();
  }

  /** Throws `OBJECT_EXISTS` where somebody else writes an archive of that name. */
  static async place(
    storage: Storage,
    object: string,
    { clock = systemClock, self = ownProcess() }: MarkerWorld,
    signal: AbortSignal,
  ): Promise<WritingMarker> {
    const now = new Date(Number(clock.nowNs() / 1_000_000n));
    await storage.write(markerOf(object), bytesOf(self, now, now), { ifAbsent: true, signal });
    return new WritingMarker(storage, markerOf(object), clock, self, now);
  }

  /** Whether it is still there and still ours. */
  async isOurs(signal: AbortSignal): Promise<boolean> {
    try {
      const found = decodeMarker(await this.#storage.read(this.#name, { signal }));
      const { hostname, pid, pidSpace } = this.#self;
      const isSameProcess = found.host === hostname && found.pid === pid && found.pidSpace === pidSpace;
      return isSameProcess && found.startedAt.getTime() === this.#startedAt.getTime();
    } catch (error) {
      if (hasCode(error, 'OBJECT_MISSING') || hasCode(error, 'ARCHIVE_CORRUPT')) return false;
      throw error;
    }
  }

  /** Throws `LOCK_LOST` where others took us for dead, as they may after a day of standby, or with a clock that is wrong. */
  async assertOurs(signal: AbortSignal): Promise<void> {
    if (await this.isOurs(signal)) return;
    throw new CairnError('LOCK_LOST', 'another run took this archive for a leftover while it was being written', {
      hint: 'Compare the clocks of the machines that write to this vault, and run the command again. Nothing that was finished is lost.',
      retry: 'later',
      facts: { object: this.#name },
    });
  }

  /** Removes it. In a storage that nothing can be removed from it stays, and means nothing once the sidecar is there. */
  async remove(signal?: AbortSignal): Promise<void> {
    await this[Symbol.asyncDispose]();
    try {
      await this.#storage.remove(this.#name, { signal });
    } catch (error) {
      if (!hasCode(error, 'STORAGE_APPEND_ONLY')) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  async #refresh(): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      try {
        await this.#clock.sleep(REFRESH_EVERY_MS, signal);
        const now = new Date(Number(this.#clock.nowNs() / 1_000_000n));
        // Where it is gone, writing it again would hide that from `assertOurs`.
        if (!(await this.isOurs(signal))) return;
        await this.#storage.write(this.#name, bytesOf(this.#self, this.#startedAt, now), { signal });
      } catch {
        // A refresh that fails is tried again at the next interval; `assertOurs` finds out before the sidecar is
        // written if none succeeded.
        if (signal.aborted) return;
      }
    }
  }
}

function bytesOf(self: ProcessIdentity, startedAt: Date, refreshedAt: Date): Uint8Array {
  return encodeMarker({ host: self.hostname, pid: self.pid, pidSpace: self.pidSpace, startedAt, refreshedAt });
}
