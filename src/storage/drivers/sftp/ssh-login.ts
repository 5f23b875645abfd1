import { readFile } from 'node:fs/promises';
import type {
  AnyAuthMethod,
  BaseAgent,
  IdentityCallback,
  NextAuthHandler,
  ParsedKey,
  SignCallback,
  SigningRequestOptions,
} from 'ssh2';
import { CairnError, messageOf, systemCode } from '../../../base/errors.ts';
import type { Secret } from '../../../base/secret.ts';
import type { Ssh2 } from './ssh2.ts';
import type { IdentityFile, SshLogin } from './ssh-settings.ts';

/** An agent may ask a person before it tells its keys; one that hangs must not hold up the program for ever. */
const AGENT_MS = 60_000;

/** One way to log in. */
interface Way {
  /** For people: what was tried. */
  readonly label: string;
  /** The name of the method in SSH, as the server lists what it allows. */
  readonly method: 'none' | 'publickey' | 'password' | 'keyboard-interactive';
  readonly auth: AnyAuthMethod;
}

/** The ways to log in as one user, tried in turn, and what became of them. */
export class LoginAttempt {
  readonly #ways: readonly Way[];
  /** Keys that are there and cannot be used, with the reason. */
  readonly #unusable: readonly string[];
  readonly #tried: string[] = [];
  #allowed: readonly string[] = [];
  #next = 0;

  constructor(ways: readonly Way[], unusable: readonly string[]) {
    this.#ways = ways;
    this.#unusable = unusable;
  }

  /** For ssh2: gives the next way, or `false` when none is left. */
  readonly handler = (left: readonly string[] | null, _partial: boolean | null, next: NextAuthHandler): void => {
    if (left !== null && left.length > 0) this.#allowed = left;
    for (;;) {
      const way = this.#ways[this.#next++];
      // ssh2 takes `false` for the end; its types do not say so.
      if (way === undefined) return next(false as unknown as AnyAuthMethod);
      if (way.method !== 'none' && !this.#isAllowed(way)) continue;
      if (way.method !== 'none') this.#tried.push(way.label);
      return next(way.auth);
    }
  };

  /** The error when no way led in. `cause` is what the library says. */
  failure(where: string, cause: unknown): CairnError {
    const tried = this.#tried.length === 0 ? 'nothing, for want of a key, agent or password' : this.#tried.join(', ');
    const allowed = this.#allowed.length === 0 ? '' : `; it allows: ${this.#allowed.join(', ')}`;
    const unusable = this.#unusable.length === 0 ? '' : `; not usable: ${this.#unusable.join(', ')}`;
    return new CairnError(
      'STORAGE_DENIED',
      `${where} refuses the login; tried: ${tried}${unusable}${allowed} (${messageOf(cause)})`,
      { hint: this.#hint(), cause, facts: { tried: this.#tried, allowed: this.#allowed } },
    );
  }

  #isAllowed({ method }: Way): boolean {
    if (this.#allowed.length === 0) return true;
    // A second method with the same password would count as a second wrong one.
    if (method === 'keyboard-interactive' && this.#allowed.includes('password')) return false;
    return this.#allowed.includes(method);
  }

  #hint(): string {
    if (this.#unusable.some((text) => text.includes('encrypted'))) {
      return 'Load the key into an agent (`ssh-add`), or put its passphrase into the variable CAIRN_SSH_PASSPHRASE.';
    }
    const wantsPassword = this.#allowed.some((name) => name === 'password' || name === 'keyboard-interactive');
    const password = wantsPassword
      ? ' The server also takes a password: put it into the variable CAIRN_SSH_PASSWORD.'
      : '';
    return `Check the user name, and that the public key is in the server's authorized_keys. \`ssh -v\` shows more.${password}`;
  }
}

/** Reads the keys and asks the agent which it has. */
export async function prepareLogin(
  ssh2: Ssh2,
  username: string,
  login: SshLogin,
  signal?: AbortSignal,
): Promise<LoginAttempt> {
  const files: LoadedIdentity[] = [];
  for (const file of login.identityFiles) files.push(await loadIdentity(ssh2, file, login.passphrase, signal));
  const ways: Way[] = [{ label: 'none', method: 'none', auth: { type: 'none', username } }];
  const agent = await agentWay(ssh2, username, login, files, signal);
  if (agent !== undefined) ways.push(agent);
  for (const { file, key } of files) {
    if (key === undefined || agent?.holds(key) === true) continue;
    ways.push({ label: `the key ${file.path}`, method: 'publickey', auth: { type: 'publickey', username, key } });
  }
  if (login.password !== undefined) ways.push(...passwordWays(username, login.password));
  return new LoginAttempt(
    ways.filter(({ method }) => !login.forbidden.includes(method)),
    [
      ...files.flatMap(({ file, problem }) => (problem === undefined ? [] : [`${file.path} (${problem})`])),
      ...login.forbidden.map((method) => `${method} (ssh_config forbids it)`),
    ],
  );
}

interface LoadedIdentity {
  readonly file: IdentityFile;
  readonly key?: ParsedKey;
  /** The public key, known also where the private one is encrypted. */
  readonly publicKey?: Buffer;
  readonly problem?: string;
}

async function loadIdentity(
  ssh2: Ssh2,
  file: IdentityFile,
  passphrase: Secret | undefined,
  signal: AbortSignal | undefined,
): Promise<LoadedIdentity> {
  const text = await readIfThere(file.path, signal);
  if (typeof text === 'string') {
    const publicKey = await loadPublicKey(ssh2, file.path, signal);
    const problem =
      text !== 'ENOENT'
        ? `cannot be read: ${text}`
        : file.isNamed && publicKey === undefined
          ? 'is not there'
          : undefined;
    return { file, ...(publicKey && { publicKey }), ...(problem !== undefined && { problem }) };
  }
  const parsed = ssh2.utils.parseKey(text, passphrase === undefined ? undefined : Buffer.from(passphrase.reveal()));
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key !== undefined && !(key instanceof Error)) return { file, key, publicKey: key.getPublicSSH() };
  const publicKey = await loadPublicKey(ssh2, file.path, signal);
  return { file, ...(publicKey && { publicKey }), problem: problemOf(key, passphrase) };
}

function problemOf(error: Error | undefined, passphrase: Secret | undefined): string {
  const text = error?.message ?? '';
  if (/no passphrase/i.test(text)) return 'encrypted, and there is no passphrase';
  if (passphrase !== undefined && /passphrase|decrypt|integrity/i.test(text))
    return 'encrypted with another passphrase';
  return /unsupported/i.test(text) ? 'a kind of key that is not supported' : 'no private key in a known format';
}

/** IdentitiesOnly names a public key whose private half only the agent has. */
async function loadPublicKey(ssh2: Ssh2, path: string, signal: AbortSignal | undefined): Promise<Buffer | undefined> {
  const text = await readIfThere(path.endsWith('.pub') ? path : `${path}.pub`, signal);
  if (typeof text === 'string') return undefined;
  const parsed = ssh2.utils.parseKey(text);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  return key === undefined || key instanceof Error ? undefined : key.getPublicSSH();
}

/** The content, or the reason why there is none. */
async function readIfThere(path: string, signal: AbortSignal | undefined): Promise<Buffer | string> {
  try {
    return await readFile(path, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    return systemCode(error) ?? messageOf(error);
  }
}

interface AgentWay extends Way {
  holds(key: ParsedKey): boolean;
}

async function agentWay(
  ssh2: Ssh2,
  username: string,
  { agentSocket, identitiesOnly }: SshLogin,
  files: readonly LoadedIdentity[],
  signal: AbortSignal | undefined,
): Promise<AgentWay | undefined> {
  if (agentSocket === undefined) return undefined;
  const agent = ssh2.createAgent(agentSocket);
  const all = await identitiesOf(agent, signal);
  const blobs = files.flatMap(({ publicKey }) => publicKey ?? []);
  const isNamed = (key: ParsedKey): boolean => blobs.some((blob) => blob.equals(key.getPublicSSH()));
  // A server ends the connection after a few wrong keys, so those that the user named come first.
  const keys = [...all.filter(isNamed), ...(identitiesOnly ? [] : all.filter((key) => !isNamed(key)))];
  if (keys.length === 0) return undefined;
  return {
    label: `${keys.length === 1 ? 'a key' : `${keys.length} keys`} of the agent`,
    method: 'publickey',
    auth: { type: 'agent', username, agent: showOnly(ssh2, agent, keys) },
    holds: (key) => keys.some((held) => held.getPublicSSH().equals(key.getPublicSSH())),
  };
}

/** Keys that the agent holds. One that does not answer holds none: there may be files. */
async function identitiesOf(agent: BaseAgent, signal: AbortSignal | undefined): Promise<ParsedKey[]> {
  signal?.throwIfAborted();
  const { promise, resolve } = Promise.withResolvers<ParsedKey[]>();
  const patience = AbortSignal.any([AbortSignal.timeout(AGENT_MS), ...(signal === undefined ? [] : [signal])]);
  patience.addEventListener('abort', () => resolve([]), { once: true });
  // ssh2's own agents give parsed keys; its types allow for others that do not.
  agent.getIdentities((error, keys) => resolve(error ? [] : ((keys ?? []) as ParsedKey[])));
  const keys = await promise;
  signal?.throwIfAborted();
  return keys;
}

/** An agent that shows some of its keys only, in an order of our choice. */
function showOnly(ssh2: Ssh2, agent: BaseAgent, keys: ParsedKey[]): BaseAgent {
  // ssh2 asks whether an agent is an instance of its own class, which exists only once the package is loaded.
  class ChosenKeys extends ssh2.BaseAgent<ParsedKey> {
    getIdentities(callback: IdentityCallback<ParsedKey>): void {
      callback(undefined, keys);
    }

    sign(key: ParsedKey, data: Buffer, options: SigningRequestOptions | SignCallback, callback?: SignCallback): void {
      if (typeof options === 'function') agent.sign(key, data, options);
      else agent.sign(key, data, options, callback);
    }
  }
  return new ChosenKeys();
}

function passwordWays(username: string, secret: Secret): Way[] {
  const password = Buffer.from(secret.reveal()).toString();
  return [
    { label: 'a password', method: 'password', auth: { type: 'password', username, password } },
    {
      label: 'a password (keyboard-interactive)',
      method: 'keyboard-interactive',
      auth: {
        type: 'keyboard-interactive',
        username,
        // One hidden question is the password; anything else, such as a code, nobody is there to answer.
        prompt: (_name, _instructions, _language, prompts, finish) =>
          finish(prompts.map((prompt) => (prompt.echo === true ? '' : password))),
      },
    },
  ];
}
