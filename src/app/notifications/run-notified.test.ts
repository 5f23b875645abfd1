import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type MessageReceiver, startMessageReceiver } from '../../../test/support/message-receiver.ts';
import { initVault } from '../../vault/open-vault.ts';
import { createCairn } from '../cairn.ts';

let scratch: string;
let receiver: MessageReceiver;

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-notified-'));
  receiver = await startMessageReceiver();
  await writeFile(join(scratch, 'a.txt'), 'hello');
  const options = { password: 'the vault password', generatedKey: true, cache: false } as const;
  await (await initVault(join(scratch, 'vault'), options))[Symbol.asyncDispose]();
});

afterEach(async () => {
  await receiver[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

async function runPlan(vaultUrl: string): Promise<void> {
  const config = {
    vaults: { main: { url: vaultUrl, password: 'the vault password' } },
    default: { vault: 'main' },
    sources: {
      text: { type: 'files', paths: [join(scratch, 'a.txt')] },
      leaky: { type: 'command', command: ['sh', '-c', 'echo the vault password >&2; exit 1'], filename: 'x' },
    },
    plans: { nightly: { sources: ['text', 'leaky'] } },
    notifications: { ops: { type: 'webhook', url: `${receiver.url}/hook` } },
  } as const;
  const env = { HOME: scratch, PATH: process.env['PATH'], XDG_CACHE_HOME: join(scratch, 'cache') };
  await using cairn = await createCairn({ config, env });
  await cairn.plan('nightly').run();
}

it('tells how a plan of a program went, when its run resolves, and no password', async () => {
  await runPlan(join(scratch, 'vault'));
  expect(receiver.received.map(({ path }) => path)).toEqual(['/hook']);
  const { body } = receiver.received[0] ?? { body: '' };
  expect(JSON.parse(body)).toMatchObject({
    type: 'digest',
    data: {
      outcomes: [
        { source: 'text', status: 'ok' },
        { source: 'leaky', status: 'failed', plan: 'nightly' },
      ],
    },
  });
  expect(body).not.toContain('the vault password');
}, 30_000);

it('tells of each source that its vault could not be opened', async () => {
  await expect(runPlan(join(scratch, 'nothing'))).rejects.toMatchObject({ code: 'VAULT_MISSING' });
  expect(JSON.parse(receiver.received[0]?.body ?? '')).toMatchObject({
    data: {
      outcomes: [
        { source: 'text', error: { code: 'VAULT_MISSING' } },
        { source: 'leaky', error: { code: 'VAULT_MISSING' } },
      ],
    },
  });
});
