// HTTPS between our server and its clients, with an authority of one's own.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import type { TlsIdentity } from '../../src/server/http/start-listening.ts';
import type { RestServer } from '../../src/server/rest/rest-server.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { parseRestUrl } from '../../src/storage/drivers/rest/rest-location.ts';
import { openRestStorage } from '../../src/storage/drivers/rest/rest-storage.ts';
import { resticText } from '../support/interop.ts';
import { findPeer } from '../support/peer-catalog.ts';
import { peersMissing } from '../support/peers.ts';
import { serveOurs } from '../support/rest-serving.ts';

let scratch = '';
let server: RestServer | undefined;
const at = (name: string): string => join(scratch, name);

function openssl(...args: readonly string[]): void {
  execFileSync(findPeer('openssl')?.path ?? 'openssl', args, { cwd: scratch, stdio: 'ignore' });
}

/** A certificate for this machine, signed by the authority in `ca.pem`. */
function identity(name: string): TlsIdentity {
  openssl(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.csr`,
    '-subj',
    `/CN=${name}`,
  );
  const sign = [
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    'names',
    '-out',
    `${name}.pem`,
  ];
  openssl('x509', '-req', '-in', `${name}.csr`, ...sign);
  return { cert: readFileSync(at(`${name}.pem`), 'utf8'), key: readFileSync(at(`${name}.key`), 'utf8') };
}

/** Name in the certificate that the server shows. */
function shownName({ url }: RestServer): Promise<string | undefined> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), ca: readFileSync(at('ca.pem')) }, () => {
      const name = socket.getPeerCertificate().subject.CN;
      resolve(Array.isArray(name) ? name[0] : name);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

describe.skipIf(peersMissing('openssl'))('our server with TLS', () => {
  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), 'cairn-tls-'));
    writeFileSync(at('names'), 'subjectAltName=IP:127.0.0.1');
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-days',
      '2',
      '-subj',
      '/CN=authority',
    );
  });

  afterEach(async () => {
    await server?.[Symbol.asyncDispose]();
    server = undefined;
  });

  afterAll(() => {
    rmSync(scratch, { recursive: true, force: true });
  });

  it('is used by who trusts its authority', async () => {
    server = await serveOurs(openMemoryStorage(), { tls: identity('one') });
    await using storage = await openRestStorage(parseRestUrl(`rest:${server.url}r/`), {
      env: { CAIRN_CACERT: at('ca.pem') },
    });
    await storage.create();
    await storage.write('config', utf8('c'));
    expect(Buffer.from(await storage.read('config')).toString()).toBe('c');
  });

  it('is refused by who does not, at once', async () => {
    server = await serveOurs(openMemoryStorage(), { tls: identity('one') });
    await using storage = await openRestStorage(parseRestUrl(`rest:${server.url}r/`), { env: {} });
    await expect(storage.stat('config')).rejects.toMatchObject({ code: 'STORAGE_UNREACHABLE', retry: 'never' });
  });

  it.skipIf(peersMissing('restic'))('takes backups of restic', async () => {
    server = await serveOurs(openMemoryStorage(), { tls: identity('one') });
    const repo = `rest:${server.url}r/`;
    await resticText('restic', repo, ['--cacert', at('ca.pem'), 'init']);
    await resticText('restic', repo, ['--cacert', at('ca.pem'), 'backup', scratch]);
    expect(await resticText('restic', repo, ['--cacert', at('ca.pem'), 'check'])).toContain('no errors were found');
  });

  it('shows a new certificate without a new start', async () => {
    server = await serveOurs(openMemoryStorage(), { tls: identity('old') });
    expect(await shownName(server)).toBe('old');
    server.renewTls(identity('new'));
    expect(await shownName(server)).toBe('new');
  });
});
