import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KeyDerivation } from '../formats/crypto/key-file.ts';
import { OPENINGS, recallOpening, rememberOpening } from './opening-memory.ts';

const place = 'rest:http://backup.example/vault/';
const derivation: KeyDerivation = { N: 32_768, r: 8, p: 3, salt: new Uint8Array(64).fill(7) };

describe('the memory of how keys are derived', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cairn-openings-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const files = (): string[] => readdirSync(join(folder, OPENINGS)).map((name) => join(folder, OPENINGS, name));

  it('gives what was kept of that place', async () => {
    await rememberOpening(folder, place, derivation);
    expect(recallOpening(folder, place)).toEqual(derivation);
  });

  it('knows nothing of another place', async () => {
    await rememberOpening(folder, place, derivation);
    expect(recallOpening(folder, `${place}other/`)).toBeUndefined();
  });

  it('follows a new password', async () => {
    await rememberOpening(folder, place, derivation);
    const changed = { ...derivation, salt: new Uint8Array(64).fill(8) };
    await rememberOpening(folder, place, changed);
    expect(recallOpening(folder, place)).toEqual(changed);
    expect(files()).toHaveLength(1);
  });

  it('is for its user alone, and does not say where the vault is', async () => {
    await rememberOpening(folder, place, derivation);
    const [file = ''] = files();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(file + readFileSync(file, 'utf8')).not.toContain('backup.example');
  });

  it.each([
    { what: 'damaged', text: '{"kdf":"scrypt"' },
    { what: 'costly beyond the limits', text: '{"kdf":"scrypt","N":1073741824,"r":8,"p":1,"salt":""}' },
  ])('passes over a file that is $what', async ({ text }) => {
    await rememberOpening(folder, place, derivation);
    const [file = ''] = files();
    writeFileSync(file, text);
    expect(recallOpening(folder, place)).toBeUndefined();
  });

  it('does without where it cannot be kept', async () => {
    writeFileSync(join(folder, OPENINGS), 'a file has that name');
    await rememberOpening(folder, place, derivation);
    expect(recallOpening(folder, place)).toBeUndefined();
  });
});
