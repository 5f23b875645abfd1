import type { Clock } from '../../src/base/clock.ts';
import { faulty, type FaultyStorage } from '../../src/storage/layers/faulty.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { mirrored } from '../../src/storage/mirror/mirror-storage.ts';
import type { MirrorChange, MirroredStorage } from '../../src/storage/mirror/mirrored-storage.ts';
import { orAbort } from '../../src/base/or-abort.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { jumpingClock } from './jumping-clock.ts';

/** A mirror of two storages that can be made to fail, and what it tells. */
export interface MirrorPair {
  readonly mirror: MirroredStorage;
  readonly first: FaultyStorage;
  readonly other: FaultyStorage;
  readonly changes: MirrorChange[];
  /** Lets time pass. */
  readonly pass: (ms: number) => void;
  /** The same storages, as a later run sees them. */
  readonly again: () => MirroredStorage;
}

/** What has a limit of time comes to its end before. */
const never: Clock['sleep'] = (_, signal) => orAbort(new Promise<never>(() => {}), signal);

export function mirrorPair(copies?: number): MirrorPair {
  const clock = jumpingClock();
  const [first, other] = [
    faulty(openMemoryStorage('first'), [], { clock }),
    faulty(openMemoryStorage('other'), [], { clock }),
  ];
  const changes: MirrorChange[] = [];
  const again = (): MirroredStorage =>
    mirrored([first, other], {
      copies,
      markers: ['config', 'keys/', 'index/', 'snapshots/'],
      isPassing: (name) => name.startsWith('locks/'),
      onChange: (change) => changes.push(change),
      clock: { nowNs: () => clock.nowNs(), sleep: never },
    });
  return { mirror: again(), first, other, changes, again, pass: clock.pass };
}

export async function namesIn(storage: Storage): Promise<string[]> {
  return (await Array.fromAsync(storage.list(''), ({ name }) => name)).toSorted();
}

export async function textOf(storage: Storage, name: string): Promise<string> {
  return Buffer.from(await storage.read(name)).toString();
}
