import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DeliveryReport, openNotifications } from '../../src/app/notifications/notifications.ts';
import type { EmailSettings } from '../../src/app/notifications/notifier-settings.ts';
import type { Outcome } from '../../src/app/notifications/outcome.ts';
import { Secret } from '../../src/base/secret.ts';
import { startMailServer } from '../support/mail-server.ts';
import { peersMissing, requirePeer } from '../support/peers.ts';
import { failedSample, sampleOutcome } from '../support/sample-outcome.ts';

async function send(to: EmailSettings, outcome: Outcome = sampleOutcome()): Promise<DeliveryReport> {
  await using notifications = openNotifications([to]);
  notifications.tellOutcome(outcome);
  return await notifications.flush();
}

describe.skipIf(peersMissing('openssl'))('an e-mail', () => {
  let folder: string;
  let key: string;
  let cert: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cairn-mail-'));
    const paths = { key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') };
    const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    const name = ['-subj', '/CN=mail', '-addext', 'subjectAltName=DNS:localhost'];
    execFileSync(requirePeer('openssl').path, [...kind, ...name, '-keyout', paths.key, '-out', paths.cert], {
      stdio: 'pipe',
    });
    key = await readFile(paths.key, 'utf8');
    cert = await readFile(paths.cert, 'utf8');
  });

  afterAll(() => rm(folder, { recursive: true }));

  const settings = (port: number, change: Partial<EmailSettings> = {}): EmailSettings => ({
    type: 'email',
    name: 'mail',
    host: 'localhost',
    port,
    user: 'me',
    password: new Secret('mail secret\n'),
    from: 'Backups <backups@example.org>',
    to: ['a@example.org', 'b@example.org'],
    ca: cert,
    ...change,
  });

  it('goes to all recipients, after STARTTLS and a login, as text and HTML', async () => {
    await using server = await startMailServer({ key, cert });
    const problems = [{ path: '/<b>&.txt', code: 'SOURCE_MISSING', message: 'gone' }];
    expect(await send(settings(server.port), sampleOutcome({ problems, problemCount: 1 }))).toEqual({
      delivered: ['mail'],
      failed: [],
    });
    const [mail] = server.mails;
    expect(mail).toMatchObject({
      from: 'backups@example.org',
      to: ['a@example.org', 'b@example.org'],
      secure: true,
      user: 'me',
    });
    expect(mail?.text).toContain('Subject: Backup ok: uploads on web1');
    expect(mail?.text).toContain('Auto-Submitted: auto-generated');
    expect(mail?.text).toContain('/<b>&.txt: gone (SOURCE_MISSING)');
    expect(mail?.text).toContain('/&lt;b&gt;&amp;.txt: gone');
  });

  it('goes over TLS from the start', async () => {
    await using server = await startMailServer({ key, cert, secure: true });
    expect((await send(settings(server.port, { security: 'tls' }))).delivered).toEqual(['mail']);
    expect(server.mails[0]?.secure).toBe(true);
  });

  it('is not sent, nor its password, where the server has no STARTTLS', async () => {
    let logins = 0;
    await using server = await startMailServer({
      hideSTARTTLS: true,
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
      onAuth: (_, __, done) => {
        logins++;
        done(null, { user: 'me' });
      },
    });
    const { failed } = await send(settings(server.port));
    expect(failed[0]).toMatchObject({ code: 'NOTIFICATION_FAILED' });
    expect([logins, server.mails.length]).toEqual([0, 0]);
  });

  it('is not sent to a server whose certificate nobody vouches for', async () => {
    await using server = await startMailServer({ key, cert });
    const { failed } = await send(settings(server.port, { ca: undefined, timeoutMs: 2000 }));
    expect(failed[0]).toMatchObject({ code: 'NOTIFICATION_FAILED' });
    expect(server.mails).toEqual([]);
  });

  it('says what is wrong with a wrong password, and not the password', async () => {
    await using server = await startMailServer({ key, cert });
    const { failed } = await send(settings(server.port, { password: 'hunter22' }));
    expect(failed[0]?.hint).toContain('Check the user and password');
    expect(JSON.stringify(failed)).not.toContain('hunter22');
  });

  it('that some recipients do not get has failed, and says so', async () => {
    await using server = await startMailServer({ key, cert });
    const { failed } = await send(settings(server.port, { to: ['a@example.org', 'nobody@example.org'] }));
    expect(failed[0]?.message).toBe('localhost took the mail for 1 of 2 recipients only');
    expect(server.mails[0]?.to).toEqual(['a@example.org']);
  });

  it('costs the time of a delivery and no more where the server says nothing', async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = silent.address() as AddressInfo;
      const { failed } = await send(settings(port, { timeoutMs: 200 }));
      expect(failed[0]?.message).toBe('mail did not take the message within 0.2 s');
    } finally {
      silent.close();
    }
  });

  it('has no line of its own in a subject from a name with a line break', async () => {
    await using server = await startMailServer({ key, cert });
    await send(settings(server.port), failedSample('x', { source: 'a\r\nBcc: evil@example.org' }));
    expect(server.mails[0]?.to).toEqual(['a@example.org', 'b@example.org']);
    expect(server.mails[0]?.text).not.toMatch(/^Bcc:/mu);
  });

  it('refuses to send a password to another machine in the open', async () => {
    const { failed } = await send(settings(25, { host: 'mail.example.org', security: 'none' }));
    expect(failed[0]?.code).toBe('CONFIG_INVALID');
  });
});
