/** memory[target + i] ^= memory[source + i] for i < length. The two ranges are equal or do not overlap. */
export function xor(target: usize, source: usize, length: usize): void {
  const stop = target + length;
  while (target + 64 <= stop) {
    v128.store(target, v128.xor(v128.load(target), v128.load(source)));
    v128.store(target, v128.xor(v128.load(target, 16), v128.load(source, 16)), 16);
    v128.store(target, v128.xor(v128.load(target, 32), v128.load(source, 32)), 32);
    v128.store(target, v128.xor(v128.load(target, 48), v128.load(source, 48)), 48);
    target += 64;
    source += 64;
  }
  while (target + 16 <= stop) {
    v128.store(target, v128.xor(v128.load(target), v128.load(source)));
    target += 16;
    source += 16;
  }
  for (; target < stop; target++, source++) store<u8>(target, load<u8>(target) ^ load<u8>(source));
}
