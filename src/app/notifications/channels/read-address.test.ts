import { describe, expect, it } from 'vitest';
import { openNotifications } from '../notifications.ts';
import { sampleOutcome } from '../../../../test/support/sample-outcome.ts';
import { startMessageReceiver } from '../../../../test/support/message-receiver.ts';
import { Secret } from '../../../base/secret.ts';
import { systemClock } from '../../../base/clock.ts';
import type { ChannelTools } from './channel-tools.ts';
import { readAddress } from './read-address.ts';

const TOKEN = 'T024BE7LD0xZq93k';

async function warningsOf(address: string, env: NodeJS.ProcessEnv = {}): Promise<readonly string[]> {
  const warnings: string[] = [];
  const tools: ChannelTools = {
    clock: systemClock,
    env,
    readSecret: async () => address,
    http: () => Promise.reject(new Error('nothing is sent')),
    warnOnce: (text) => void warnings.push(text),
  };
  await readAddress(tools, 'ops', new Secret(address));
  return warnings;
}

describe('the address of a service', () => {
  it.each([
    `http://chat.lan/hooks/${TOKEN}`,
    'http://chat.lan/hook?key=1',
    'http://10.0.0.7:8000/ping/c0ffee00-1234-4abc-9def-000000000000',
  ])('that is a key and would cross the network readably is warned of, without it: %s', async (address) => {
    const [warning, ...more] = await warningsOf(address);
    expect(warning).toContain('ops');
    expect(warning).toContain(`CAIRN_CLEAR_TEXT_HOSTS=${new URL(address).hostname}`);
    expect(warning).not.toContain(new URL(address).pathname);
    expect(more).toEqual([]);
  });

  it.each([
    ['goes over TLS', `https://chat.lan/hooks/${TOKEN}`],
    ['stays on this machine', `http://127.0.0.1:8065/hooks/${TOKEN}`],
    ['has only words in it', 'http://monitor.lan:8080/hooks/nightly-backups-of-the-office'],
    ['is none', 'chat.lan'],
  ])('is not warned of where it %s', async (_, address) => {
    expect(await warningsOf(address)).toEqual([]);
  });

  it('is not warned of where its host is named as one to trust', async () => {
    const env = { CAIRN_CLEAR_TEXT_HOSTS: 'nas.lan,chat.lan' };
    expect(await warningsOf(`http://chat.lan/hooks/${TOKEN}`, env)).toEqual([]);
  });

  it('is warned of once, however many messages there are', async () => {
    await using proxy = await startMessageReceiver();
    const onWarning: string[] = [];
    await using notifications = openNotifications(
      [{ type: 'webhook', name: 'ops', url: `http://chat.invalid/hooks/${TOKEN}` }],
      { env: { http_proxy: proxy.url }, onWarning: (text) => void onWarning.push(text) },
    );
    for (let run = 0; run < 3; run++) notifications.tellOutcome(sampleOutcome());
    await notifications.flush();
    expect(proxy.received).toHaveLength(3);
    expect(onWarning).toEqual([expect.stringContaining('crosses the network readably')]);
  });
});
