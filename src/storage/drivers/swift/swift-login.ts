// Which login the environment asks for, by the names that restic and OpenStack's own clients read.
import { CairnError } from '../../../base/errors.ts';
import { Secret } from '../../../base/secret.ts';
import { secretVariable } from '../../../base/secret-variable.ts';
import { type Environment, valueOf } from '../url-parameters.ts';

/** A name, an id, or both; the id goes before. */
export interface NameOrId {
  readonly name: string | undefined;
  readonly id: string | undefined;
}

/** How to get a token. */
export type SwiftLogin =
  /** A token that somebody else has got: it ends, and cannot be renewed. */
  | { readonly kind: 'token'; readonly storageUrl: URL; readonly token: Secret }
  | { readonly kind: 'v1'; readonly authUrl: URL; readonly user: string; readonly key: Secret; readonly at: Endpoint }
  | {
      readonly kind: 'v2';
      readonly authUrl: URL;
      readonly user: string;
      readonly password: Secret;
      readonly tenant: NameOrId;
      readonly at: Endpoint;
    }
  | {
      readonly kind: 'v3';
      readonly authUrl: URL;
      readonly proof: KeystoneProof;
      readonly scope: KeystoneScope | undefined;
      readonly at: Endpoint;
    };

/** Which of the addresses in the catalog of services is taken. */
export interface Endpoint {
  readonly region: string | undefined;
  readonly interface: 'public' | 'internal' | 'admin';
  /** Taken instead of all of them. */
  readonly storageUrl: URL | undefined;
}

export type KeystoneProof =
  | { readonly kind: 'password'; readonly user: NameOrId; readonly domain: NameOrId; readonly password: Secret }
  | {
      readonly kind: 'application-credential';
      readonly credential: NameOrId;
      /** Whose it is, where it goes by its name. */
      readonly user: NameOrId;
      readonly domain: NameOrId;
      readonly secret: Secret;
    };

export type KeystoneScope =
  | { readonly kind: 'project'; readonly project: NameOrId; readonly domain: NameOrId }
  | { readonly kind: 'trust'; readonly id: string };

/** The login of the environment. Throws `CREDENTIALS_MISSING`, naming the variable that is not set, or `CONFIG_INVALID`. */
export function findSwiftLogin(environment: Environment): SwiftLogin {
  const settings = new Settings(environment);
  const storageUrl = settings.url('OS_STORAGE_URL');
  const token = secretVariable(environment, 'OS_AUTH_TOKEN');
  if (storageUrl !== undefined && token !== undefined) return { kind: 'token', storageUrl, token: new Secret(token) };
  const at: Endpoint = {
    region: settings.text('OS_REGION_NAME'),
    interface: settings.interface(),
    storageUrl,
  };
  const v1 = settings.url('ST_AUTH');
  if (v1 !== undefined)
    return { kind: 'v1', authUrl: v1, user: settings.needed('ST_USER'), key: settings.secret('ST_KEY'), at };
  const authUrl = settings.url('OS_AUTH_URL') ?? settings.missing('OS_AUTH_URL (or ST_AUTH, for a login of version 1)');
  switch (settings.version(authUrl)) {
    case 1:
      return {
        kind: 'v1',
        authUrl,
        user: settings.needed('OS_USERNAME'),
        key: settings.secret('OS_PASSWORD'),
        at,
      };
    case 2:
      return {
        kind: 'v2',
        authUrl,
        user: settings.needed('OS_USERNAME'),
        password: settings.secret('OS_PASSWORD'),
        tenant: settings.project(),
        at,
      };
    default:
      return { kind: 'v3', authUrl, proof: settings.proof(), scope: settings.scope(), at };
  }
}

class Settings {
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  text(name: string): string | undefined {
    return valueOf(this.#environment[name]);
  }

  needed(name: string): string {
    return this.text(name) ?? this.missing(name);
  }

  secret(name: string): Secret {
    return new Secret(secretVariable(this.#environment, name) ?? this.missing(name));
  }

  url(name: string): URL | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const url = URL.parse(text);
    if (url !== null && /^https?:$/u.test(url.protocol) && url.username === '' && url.password === '') return url;
    throw new CairnError('CONFIG_INVALID', `${name} is no http:// or https:// address without a login`, {
      hint: 'User and password have variables of their own.',
    });
  }

  /** What is said, or else what the address ends in; version 3 where neither tells. */
  version(authUrl: URL): number {
    const said = ['OS_IDENTITY_API_VERSION', 'OS_AUTH_VERSION', 'ST_AUTH_VERSION'].map((name) => this.text(name));
    const version = said.find((text) => text !== undefined) ?? /\/v(\d)(?:\.\d+)?\/?$/u.exec(authUrl.pathname)?.[1];
    const number = version === undefined ? 3 : Number.parseInt(version, 10);
    if (number >= 1 && number <= 3) return number;
    throw new CairnError('CONFIG_INVALID', 'OS_IDENTITY_API_VERSION must be 1, 2 or 3');
  }

  interface(): Endpoint['interface'] {
    const said = (this.text('OS_INTERFACE') ?? this.text('OS_ENDPOINT_TYPE') ?? 'public').replace(/URL$/u, '');
    if (said === 'public' || said === 'internal' || said === 'admin') return said;
    throw new CairnError('CONFIG_INVALID', 'OS_INTERFACE must be public, internal or admin');
  }

  project(): NameOrId {
    return {
      name: this.text('OS_PROJECT_NAME') ?? this.text('OS_TENANT_NAME'),
      id: this.text('OS_PROJECT_ID') ?? this.text('OS_TENANT_ID'),
    };
  }

  proof(): KeystoneProof {
    const credential = {
      name: this.text('OS_APPLICATION_CREDENTIAL_NAME'),
      id: this.text('OS_APPLICATION_CREDENTIAL_ID'),
    };
    const user = { name: this.text('OS_USERNAME'), id: this.text('OS_USER_ID') };
    const domain = this.#domain('USER');
    if (credential.name !== undefined || credential.id !== undefined) {
      if (credential.id === undefined && user.name === undefined && user.id === undefined) this.missing('OS_USERNAME');
      const secret = this.secret('OS_APPLICATION_CREDENTIAL_SECRET');
      return { kind: 'application-credential', credential, user, domain, secret };
    }
    if (user.name === undefined && user.id === undefined) this.missing('OS_USERNAME');
    return { kind: 'password', user, domain, password: this.secret('OS_PASSWORD') };
  }

  /** An application credential is made for one project and can be used for no other. */
  scope(): KeystoneScope | undefined {
    const isBound = ['ID', 'NAME'].some((part) => this.text(`OS_APPLICATION_CREDENTIAL_${part}`) !== undefined);
    const trust = this.text('OS_TRUST_ID');
    const project = this.project();
    if (isBound) return undefined;
    if (trust !== undefined) return { kind: 'trust', id: trust };
    if (project.name === undefined && project.id === undefined) return undefined;
    return { kind: 'project', project, domain: this.#domain('PROJECT') };
  }

  missing(name: string): never {
    throw new CairnError('CREDENTIALS_MISSING', `Swift needs ${name} in the environment`, {
      hint:
        'Source the openrc file that your provider gives you. docs/guides/swift.md lists the variables of each ' +
        'kind of login.',
    });
  }

  #domain(of: 'USER' | 'PROJECT'): NameOrId {
    const id = this.text(`OS_${of}_DOMAIN_ID`) ?? this.text('OS_DOMAIN_ID');
    const name = this.text(`OS_${of}_DOMAIN_NAME`) ?? this.text('OS_DOMAIN_NAME');
    // The domain that every Keystone has.
    return name === undefined && id === undefined ? { name: undefined, id: 'default' } : { name, id };
  }
}
