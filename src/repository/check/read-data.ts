import type { PackId } from '../../base/ids.ts';
import type { PresentPack } from './check-packs.ts';

/**
 * Which packs to read completely: a random sample of so many percent of them, or of so many bytes, at least one; or
 * part n of t of all packs, the same ones each time, as restic divides them (by the first byte of the id, so t ≤ 256).
 */
export type ReadData =
  | 'none'
  | 'all'
  | { readonly percent: number }
  | { readonly bytes: number }
  | { readonly part: number; readonly of: number };

export interface PackChoice {
  readonly packs: readonly PresentPack[];
  readonly idOf: (pack: PresentPack) => PackId;
  /** Packs that need not be read again; a percentage is one of all packs all the same. */
  readonly isVerified?: ((id: PackId) => boolean) | undefined;
  readonly random: () => number;
}

export function choosePacks(readData: ReadData, { packs, idOf, isVerified, random }: PackChoice): PresentPack[] {
  if (readData === 'none') return [];
  const candidates = isVerified === undefined ? packs : packs.filter((pack) => !isVerified(idOf(pack)));
  if (readData === 'all') return [...candidates];
  if ('part' in readData) {
    const { part, of } = readData;
    return candidates.filter((pack) => Number.parseInt(idOf(pack).slice(0, 2), 16) % of === part - 1);
  }
  const shuffled = shuffle(candidates, random);
  if ('percent' in readData) {
    const count = Math.ceil((packs.length * Math.min(100, Math.max(0, readData.percent))) / 100);
    return shuffled.slice(0, Math.max(1, count));
  }
  const chosen: PresentPack[] = [];
  let bytes = 0;
  for (const pack of shuffled) {
    if (chosen.length > 0 && bytes >= readData.bytes) break;
    chosen.push(pack);
    bytes += pack.sizeBytes;
  }
  return chosen;
}

// Fisher and Yates: every order is equally likely.
function shuffle<T>(items: readonly T[], random: () => number): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const [a, b] = [out[i], out[j]];
    if (a !== undefined && b !== undefined) [out[i], out[j]] = [b, a];
  }
  return out;
}
