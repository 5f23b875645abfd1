import type { PresentPack } from './check-packs.ts';

/** Which packs to read completely: a random sample of so many percent of them, or of so many bytes, at least one. */
export type ReadData = 'none' | 'all' | { readonly percent: number } | { readonly bytes: number };

export function choosePacks(packs: readonly PresentPack[], readData: ReadData, random: () => number): PresentPack[] {
  if (readData === 'none') return [];
  if (readData === 'all') return [...packs];
  const shuffled = shuffle(packs, random);
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
