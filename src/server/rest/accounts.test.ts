import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { Accounts } from './accounts.ts';

let folder = '';
let file = '';
let nowNs = 0n;
const clock: Clock = { nowNs: () => nowNs, sleep: async () => {} };
const never = new AbortController().signal;
const later = (seconds: number): void => void (nowNs += BigInt(seconds) * 1_000_000_000n);

const write = (users: Record<string, string>): Promise<void> =>
  writeFile(
    file,
    Object.entries(users)
      .map(([user, password]) => `${user}:{SHA}${createHash('sha1').update(password).digest('base64')}\n`)
      .join(''),
  );

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cairn-accounts-'));
  file = join(folder, 'users');
  nowNs = 1_000_000_000n;
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('accounts', () => {
  it('remember a verified password for a minute, and no other', async () => {
    await write({ ana: 'one' });
    const accounts = await Accounts.open(file, { clock });
    expect(accounts.remembers('ana', utf8('one'))).toBe(false);
    expect(await accounts.verify('ana', utf8('one'), never)).toBe(true);
    expect(accounts.remembers('ana', utf8('one'))).toBe(true);
    expect(accounts.remembers('ana', utf8('two'))).toBe(false);
    later(61);
    expect(accounts.remembers('ana', utf8('one'))).toBe(false);
  });

  it('never remember a wrong password', async () => {
    await write({ ana: 'one' });
    const accounts = await Accounts.open(file, { clock });
    expect(await accounts.verify('ana', utf8('two'), never)).toBe(false);
    expect(accounts.remembers('ana', utf8('two'))).toBe(false);
  });

  it('follow changes of the file within seconds', async () => {
    await write({ ana: 'one' });
    const accounts = await Accounts.open(file, { clock });
    await accounts.verify('ana', utf8('one'), never);
    await write({ bob: 'another' });
    later(6);
    expect(await accounts.verify('bob', utf8('another'), never)).toBe(true);
    expect(accounts.remembers('ana', utf8('one'))).toBe(false);
    expect(await accounts.verify('ana', utf8('one'), never)).toBe(false);
  });

  it('stay as they were when the file is broken or gone', async () => {
    await write({ ana: 'one' });
    const notices: string[] = [];
    const accounts = await Accounts.open(file, { clock, onNotice: (level) => notices.push(level) });
    await writeFile(file, 'ana:plain');
    await accounts.reload();
    await rm(file);
    later(6);
    expect(await accounts.verify('ana', utf8('one'), never)).toBe(true);
    expect(notices).toEqual(['warning', 'warning']);
  });

  it('cannot be opened without a file', async () => {
    await expect(Accounts.open(join(folder, 'none'))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});
