// Keystone as its API documents it, versions 2 and 3, on loopback: it lets one user in and hands out a token that
// somebody else has made.
import { HttpDouble, type ToldAnswer } from './http-double.ts';

export interface HandedOut {
  readonly token: string;
  readonly storageUrl: string;
  /** An hour from now by default. */
  readonly expiresAt?: string;
}

export interface KeystoneDouble extends AsyncDisposable {
  readonly url: string;
  /** The bodies of the logins that were asked for. */
  readonly logins: () => readonly unknown[];
}

/** Whoever does not know the password `s3cret` somewhere in what it sends is refused. */
export async function startKeystone(handOut: () => HandedOut | Promise<HandedOut>): Promise<KeystoneDouble> {
  const given = await handOut();
  const server = await HttpDouble.start(({ path, body }) => {
    if (!body.includes('"s3cret"'))
      return {
        status: 401,
        body: { error: { code: 401, message: 'The request you have made requires authentication.' } },
      };
    return path === '/v3/auth/tokens' ? version3(given) : path === '/v2.0/tokens' ? version2(given) : { status: 404 };
  });
  return {
    url: server.url,
    logins: () => server.asked.map(({ body }): unknown => JSON.parse(body)),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const expiry = ({ expiresAt }: HandedOut): string => expiresAt ?? new Date(Date.now() + 3_600_000).toISOString();

const endpoint = (region: string, kind: string, url: string): object => ({ region, interface: kind, url });

function version3(given: HandedOut): ToldAnswer {
  return {
    status: 201,
    headers: { 'x-subject-token': given.token },
    body: {
      token: {
        expires_at: expiry(given),
        catalog: [
          { type: 'compute', endpoints: [endpoint('north', 'public', 'http://127.0.0.1:1/compute')] },
          {
            type: 'object-store',
            endpoints: [
              endpoint('south', 'public', 'http://127.0.0.1:1/south'),
              endpoint('north', 'internal', 'http://127.0.0.1:1/internal'),
              endpoint('north', 'public', given.storageUrl),
            ],
          },
        ],
      },
    },
  };
}

function version2(given: HandedOut): ToldAnswer {
  const endpoints = [
    { region: 'south', publicURL: 'http://127.0.0.1:1/south' },
    { region: 'north', publicURL: given.storageUrl, internalURL: 'http://127.0.0.1:1/internal' },
  ];
  const token = { id: given.token, expires: expiry(given) };
  return { body: { access: { token, serviceCatalog: [{ type: 'object-store', endpoints }] } } };
}
