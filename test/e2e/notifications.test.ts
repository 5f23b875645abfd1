// Notifications of the configuration, as the one who set them up sees them.
import { readdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type MessageReceiver, startMessageReceiver } from '../support/message-receiver.ts';
import { Home } from './cairn-program.ts';

let home: Home;
let receiver: MessageReceiver;
const env = { CAIRN_PASSWORD: 'the vault password', HOOK_SECRET: 'sign me', XDG_STATE_HOME: '' };

beforeEach(async () => {
  home = await Home.make();
  receiver = await startMessageReceiver();
  env.XDG_STATE_HOME = home.file('state');
  await home.folder('files');
  await writeFile(home.file('files', 'a.txt'), 'hello');
});

afterEach(async () => {
  await receiver[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

async function configure(notifications: object, plan: object = {}): Promise<void> {
  const config = {
    vaults: { main: { url: home.file('vault') } },
    default: { vault: 'main' },
    sources: {
      uploads: { type: 'files', paths: ['./files'] },
      dump: {
        type: 'command',
        command: ['sh', '-c', 'echo "no login: the vault password" >&2; exit 3'],
        filename: 'd.sql',
      },
    },
    plans: { nightly: { sources: ['uploads', 'dump'], ...plan }, good: { sources: ['uploads'], ...plan } },
    notifications,
  };
  await writeFile(home.file('cairn.yaml'), JSON.stringify(config), { mode: 0o600 });
  const { exit, stderr } = await home.run(['init'], { env });
  expect([exit, stderr]).toEqual([0, expect.anything()]);
}

const hook = (): object => ({ type: 'webhook', url: `${receiver.url}/hook`, secret: { env: 'HOOK_SECRET' } });

describe('a plan with notifications', () => {
  it('tells in one message how all of its sources did, and no secret', async () => {
    await configure({ ops: hook() });
    expect((await home.run(['backup', 'nightly'], { env })).exit).toBe(3);
    expect(receiver.received.length).toBe(1);
    const { body, headers } = receiver.received[0] ?? { body: '', headers: {} };
    expect(JSON.parse(body)).toMatchObject({
      type: 'digest',
      data: {
        outcomes: [
          { action: 'backup', plan: 'nightly', source: 'uploads', status: 'ok', bytes: 5 },
          { action: 'backup', plan: 'nightly', source: 'dump', status: 'failed', error: { code: 'COMMAND_FAILED' } },
        ],
      },
    });
    expect(body).not.toContain('the vault password');
    expect(headers).toHaveProperty('webhook-signature');
  });

  it('tells of a source that is backed up by its name, and of no path', async () => {
    await configure({ ops: hook() });
    expect((await home.run(['backup', 'uploads'], { env })).exit).toBe(0);
    expect((await home.run(['backup', './files'], { env })).exit).toBe(0);
    expect((await home.run(['backup', 'uploads', '--dry-run'], { env })).exit).toBe(0);
    expect(receiver.received.map(({ body }) => JSON.parse(body))).toMatchObject([
      { type: 'backup.done', data: { source: 'uploads', status: 'ok', plan: null } },
    ]);
  });

  it('pings start and end of its backup', async () => {
    await configure({ monitor: { type: 'ping', url: `${receiver.url}/uuid` } });
    await home.run(['backup', 'good'], { env });
    await home.run(['backup', 'nightly'], { env });
    const paths = receiver.received.map(({ path }) => path.split('?')[0]);
    expect(paths).toEqual(['/uuid/start', '/uuid', '/uuid/start', '/uuid/fail']);
  });

  it('tells that the vault could not be opened', async () => {
    await configure({ ops: hook() });
    const wrong = { ...env, CAIRN_PASSWORD: 'another password' };
    expect((await home.run(['backup', 'good'], { env: wrong })).exit).toBe(12);
    expect(JSON.parse(receiver.received[0]?.body ?? '')).toMatchObject({
      type: 'backup.failed',
      data: { source: 'uploads', error: { code: 'PASSWORD_WRONG' } },
    });
  });

  it('goes well also where its notifications do not arrive', async () => {
    receiver.plan.push({ status: 404 });
    await configure({ ops: hook() });
    const { exit, stderr } = await home.run(['backup', 'good'], { env });
    expect(exit).toBe(0);
    expect(stderr).toContain('a notification did not arrive (ops): the webhook answered 404');
  });

  it('is backed up also where a variable of a notification is missing, which is said', async () => {
    await configure({ ops: hook(), phone: { type: 'ntfy', url: receiver.url, topic: '${TOPIC}' } });
    const { exit, stderr } = await home.run(['backup', 'good'], { env });
    expect(exit).toBe(0);
    expect(stderr).toContain('the notification phone cannot be used');
    expect(stderr).toContain('TOPIC');
    expect(receiver.received.map(({ path }) => path)).toEqual(['/hook']);
  });

  it('uses the notifications that it names, and no others', async () => {
    await configure(
      { ops: hook(), other: { type: 'ntfy', url: receiver.url, topic: 'x' } },
      { notifications: ['ops'] },
    );
    await home.run(['backup', 'good'], { env });
    expect(receiver.received.map(({ path }) => path)).toEqual(['/hook']);
  });

  it('keeps what waits for a digest in the state folder of the user', async () => {
    await configure({ ops: { ...hook(), digest: '24h' } });
    await home.run(['backup', 'good'], { env });
    expect(receiver.received).toEqual([]);
    expect((await readdir(home.file('state', 'cairn', 'notifications'))).length).toBe(1);
  });
});

describe('config validate --send-test', () => {
  it('sends a test message with each notification', async () => {
    await configure({ ops: hook(), script: { type: 'command', command: 'cat > told.json' } });
    const { exit, stdout } = await home.run(['config', 'validate', '--send-test'], { env });
    expect(exit).toBe(0);
    expect(stdout).toContain('ops: the test message was taken');
    expect(stdout).toContain('script: the test message was taken');
    expect(JSON.parse(receiver.received[0]?.body ?? '')).toMatchObject({ type: 'test', data: { notifier: 'ops' } });
    expect(await readdir(home.path)).toContain('told.json');
  });

  it('says which one did not arrive, and what to do', async () => {
    receiver.plan.push({ status: 401 });
    await configure({ ops: hook() });
    const { exit, stderr } = await home.run(['config', 'validate', '--send-test'], { env });
    expect(exit).toBe(1);
    expect(stderr).toContain('ops: the webhook answered 401');
    expect(stderr).toContain('Check the token or password of this notifier.');
  });
});
