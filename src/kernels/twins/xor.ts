/** data[target + i] ^= data[source + i] for i < length. */
export function xor(data: Uint8Array, target: number, source: number, length: number): void {
  for (let i = 0; i < length; i++) data[target + i] = (data[target + i] ?? 0) ^ (data[source + i] ?? 0);
}
