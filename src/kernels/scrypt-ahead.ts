// A key derivation that is begun before somebody asks for it, on a guess of what will be asked.
import { equalBytes } from '../base/bytes.ts';
import { scrypt, type ScryptRequest } from './scrypt.ts';

interface Begun {
  readonly request: ScryptRequest;
  readonly derived: Promise<Uint8Array>;
}

let begun: Begun | undefined;

/** Begins what `deriveOnce` will be asked for next. Where that asks for something else, nothing but the work is lost. */
export function deriveAhead(request: ScryptRequest): void {
  const derived = scrypt(request);
  // Whoever takes it hears of its failure; if nobody does, nobody has to.
  derived.catch(() => {});
  begun = { request, derived };
}

/** Whether a derivation was begun that nobody has taken yet. */
export function isDerivingAhead(): boolean {
  return begun !== undefined;
}

/** `scrypt`, or its result where just this was begun ahead. */
export async function deriveOnce(request: ScryptRequest): Promise<Uint8Array> {
  const ahead = begun;
  begun = undefined;
  return ahead !== undefined && isSame(ahead.request, request) ? await ahead.derived : await scrypt(request);
}

function isSame(one: ScryptRequest, other: ScryptRequest): boolean {
  const numbers = one.N === other.N && one.r === other.r && one.p === other.p && one.sizeBytes === other.sizeBytes;
  return numbers && equalBytes(one.salt, other.salt) && equalBytes(one.password, other.password);
}
