// What the age program writes is read here, and the other way round.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, describe, expect, it } from 'vitest';
import { equalBytes } from '../../src/base/bytes.ts';
import { generateKey } from '../../src/base/generated-key.ts';
import { Secret } from '../../src/base/secret.ts';
import { openAge, sealAge } from '../../src/formats/age/age-file.ts';
import { ageEnvironment } from '../support/age-program.ts';
import { peersMissing } from '../support/peers.ts';

const scratch = mkdtempSync(join(tmpdir(), 'cairn-age-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const sizes = [0, 1, 65_535, 65_536, 65_537, 300_000];
const content = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 9)) & 0xff);

describe.skipIf(peersMissing('age', 'age-plugin-batchpass'))('the age program', () => {
  it('reads what we encrypt to a key, and we what it encrypts, at every size around a chunk', async () => {
    const env = ageEnvironment(mkdtempSync(join(scratch, 'bin-')));
    const identity = await generateX25519Identity();
    const recipient = await identityToRecipient(identity);
    const keyFile = join(scratch, 'key.txt');
    writeFileSync(keyFile, `${identity}\n`, { mode: 0o600 });
    for (const size of sizes) {
      const sealed = await sealAge(content(size), { recipients: [recipient] });
      const opened = execFileSync('age', ['-d', '-i', keyFile], { input: sealed, env });
      expect(equalBytes(opened, content(size))).toBe(true);
      const theirs = execFileSync('age', ['-r', recipient], { input: content(size), env });
      const ours = await openAge(theirs, { identities: [new Secret(identity)] });
      expect(equalBytes(ours, content(size))).toBe(true);
    }
  });

  it.each([
    ['a passphrase at the usual cost', 'pass phrase'],
    ['a generated key at a low one', generateKey()],
  ])('reads what we encrypt with %s, and we what it encrypts', async (_, password) => {
    const env = ageEnvironment(mkdtempSync(join(scratch, 'bin-')), password);
    const passphrase = new Secret(password);
    const sealed = await sealAge(content(70_000), { passphrase });
    const opened = execFileSync('age', ['-d', '-j', 'batchpass'], { input: sealed, env });
    expect(equalBytes(opened, content(70_000))).toBe(true);
    const theirs = execFileSync('age', ['-e', '-j', 'batchpass'], { input: content(70_000), env });
    expect(equalBytes(await openAge(theirs, { passphrase }), content(70_000))).toBe(true);
  });
});
