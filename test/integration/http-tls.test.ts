import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type HttpClientOptions, openHttpClient } from '../../src/storage/drivers/http/http-client.ts';
import type { HttpResponse } from '../../src/storage/drivers/http/http-exchange.ts';
import { peersMissing, requirePeer } from '../support/peers.ts';

describe.skipIf(peersMissing('openssl'))('a server with a certificate of its own', () => {
  let folder: string;
  let certificate: string;
  let server: https.Server;
  let clientName: string | undefined;

  const makeCertificate = (name: string, more: readonly string[]): string => {
    const path = join(folder, `${name}.pem`);
    const key = join(folder, `${name}.key`);
    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    execFileSync(
      requirePeer('openssl').path,
      [...args, '-subj', `/CN=${name}`, '-keyout', key, '-out', path, ...more],
      { stdio: 'pipe' },
    );
    return path;
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cairn-tls-'));
    certificate = makeCertificate('server', ['-addext', 'subjectAltName=DNS:localhost']);
    const key = await readFile(join(folder, 'server.key'));
    const cert = await readFile(certificate);
    clientName = undefined;
    server = https.createServer({ key, cert, requestCert: true, rejectUnauthorized: false }, (request, response) => {
      const { subject } = (request.socket as TLSSocket).getPeerCertificate();
      clientName = String(subject?.CN);
      response.end('ok');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  });

  const ask = async (options: HttpClientOptions, host = 'localhost'): Promise<HttpResponse> => {
    await using client = await openHttpClient(options);
    const { port } = server.address() as AddressInfo;
    return await client.request({ method: 'GET', url: new URL(`https://${host}:${port}/`), action: 'read x' });
  };

  it('is not trusted, and no later try would change that', async () => {
    await expect(ask({})).rejects.toMatchObject({
      code: 'STORAGE_UNREACHABLE',
      retry: 'never',
      facts: { system: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    });
  });

  it('is trusted with its authority named', async () => {
    expect(await ask({ caFile: certificate })).toMatchObject({ status: 200 });
  });

  it('is not taken for another host', async () => {
    await expect(ask({ caFile: certificate }, '127.0.0.1')).rejects.toMatchObject({
      retry: 'never',
      facts: { system: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    });
  });

  it('sees the certificate of the client, if there is one', async () => {
    const path = makeCertificate('client', []);
    const both = join(folder, 'both.pem');
    execFileSync('sh', ['-c', 'cat "$1" "$2" > "$3"', 'sh', path, join(folder, 'client.key'), both]);
    await ask({ caFile: certificate, clientCertificateFile: both });
    expect(clientName).toBe('client');
  });

  it('that speaks no TLS is named as such', async () => {
    await using client = await openHttpClient({});
    const { port } = server.address() as AddressInfo;
    // The other way round: plain text to a TLS port.
    const plain = client.request({ method: 'GET', url: new URL(`http://localhost:${port}/`), action: 'read x' });
    await expect(plain).rejects.toMatchObject({ code: 'STORAGE_UNREACHABLE' });
  });
});
