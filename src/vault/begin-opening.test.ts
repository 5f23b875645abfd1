import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TEST_KDF, TEST_PASSWORD } from '../../test/support/repository-fixture.ts';
import { initRepository } from '../repository/init-repository.ts';
import { openLocalStorage } from '../storage/drivers/local.ts';
import { derivationOf } from './begin-opening.ts';

let folder: string;
let keyFile: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cairn-opening-'));
  await initRepository(openLocalStorage(folder), { password: TEST_PASSWORD, kdf: TEST_KDF });
  const [name] = await readdir(join(folder, 'keys'));
  keyFile = join(folder, 'keys', name ?? '');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

describe('a key that is derived before it is asked for', () => {
  it('is that of the key file', () => {
    expect(derivationOf({ kind: 'folder', folder })).toMatchObject(TEST_KDF);
  });

  it('is none where the key file is damaged, as its cost may be', async () => {
    const text = await readFile(keyFile, 'utf8');
    await rm(keyFile);
    await writeFile(keyFile, text.replace('"r":1,', '"r":8,'));
    expect(derivationOf({ kind: 'folder', folder })).toBeUndefined();
  });
});
