// Tests that need another program ask for it here: it is there, or the test is skipped and says so,
// or, where CAIRN_REQUIRE_ALL=1 (CI), the test fails.
import { TestRunner } from 'vitest';
import { findPeer, type FoundPeer, type PeerName } from './peer-catalog.ts';

/**
 * The program, inside a running test. Missing: skips the test with a printed reason, or throws with CAIRN_REQUIRE_ALL=1.
 * In hooks and at the top of a file use `peersMissing`.
 */
export function requirePeer(name: PeerName): FoundPeer {
  const peer = findPeer(name);
  if (peer !== undefined) return peer;
  const reason = missingReason(name);
  refuseIfAllRequired(reason);
  const test = TestRunner.getCurrentTest();
  if (test === undefined) throw new Error(`${reason}; requirePeer works in a running test only`);
  announce(reason);
  return test.context.skip(reason);
}

/**
 * For `describe.skipIf(peersMissing('restic', 'setfacl'))`: true, with the reason printed, if one is missing.
 * Throws with CAIRN_REQUIRE_ALL=1.
 */
export function peersMissing(...names: readonly PeerName[]): boolean {
  const missing = names.filter((name) => findPeer(name) === undefined);
  for (const name of missing) {
    refuseIfAllRequired(missingReason(name));
    announce(missingReason(name));
  }
  return missing.length > 0;
}

function missingReason(name: PeerName): string {
  return `${name} is not installed (npm run peers -- --with ${name})`;
}

function refuseIfAllRequired(reason: string): void {
  if (process.env['CAIRN_REQUIRE_ALL'] === '1')
    throw new Error(`${reason}, and CAIRN_REQUIRE_ALL=1 lets no test be skipped`);
}

const announced = new Set<string>();

function announce(reason: string): void {
  if (announced.has(reason)) return;
  announced.add(reason);
  console.warn(`skipped: ${reason}`);
}
