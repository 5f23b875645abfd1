// OpenStack Swift on loopback: one proxy with TempAuth before one server each of accounts, containers and objects, and the
// memcached that tokens are kept in. All in a temporary directory, and ended by pid.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { findPeer, type PeerName } from './peer-catalog.ts';

const kinds = ['account', 'container', 'object'] as const;

export const swiftPeers: readonly PeerName[] = [
  'swift-proxy-server',
  ...kinds.map((kind) => `swift-${kind}-server` as const),
  'memcached',
];

interface SwiftRequestInit {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export class SwiftServer implements AsyncDisposable {
  readonly url: string;
  readonly #folder: string;
  readonly #processes: readonly ChildProcess[];

  private constructor(url: string, folder: string, processes: readonly ChildProcess[]) {
    this.url = url;
    this.#folder = folder;
    this.#processes = processes;
  }

  static async start(): Promise<SwiftServer> {
    const folder = await mkdtemp(join(await quickFolder(), 'cairn-swift-'));
    const ports = { proxy: await freePort(), memcached: await freePort(), servers: new Map<string, number>() };
    for (const kind of kinds) ports.servers.set(kind, await freePort());
    await configure(folder, ports);
    const memory = start('memcached', ['-l', '127.0.0.1', '-p', String(ports.memcached), '-u', userInfo().username]);
    const processes = [memory];
    for (const kind of ['proxy', ...kinds] as const)
      processes.push(start(`swift-${kind}-server`, [join(folder, `${kind}.conf`)]));
    const server = new SwiftServer(`http://127.0.0.1:${ports.proxy}`, folder, processes);
    try {
      for (let tries = 1; !(await server.#isReady()); tries++) {
        const ended = processes.find(({ exitCode }) => exitCode !== null);
        if (ended !== undefined) throw new Error(`${ended.spawnfile} ended with ${ended.exitCode}`);
        if (tries > 600) throw new Error('Swift does not begin to work');
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  /** What a user has in the environment to use it. */
  environment(): Record<string, string> {
    return { ST_AUTH: `${this.url}/auth/v1.0`, ST_USER: 'test:tester', ST_KEY: 'testing' };
  }

  /** A request of the account `test` past the driver. */
  async request(path: string, init: SwiftRequestInit = {}): Promise<Response> {
    const { token } = await this.logIn();
    return fetch(`${this.url}/v1/AUTH_test${path}`, { ...init, headers: { ...init.headers, 'X-Auth-Token': token } });
  }

  async logIn(): Promise<{ readonly token: string; readonly storageUrl: string }> {
    const headers = { 'X-Auth-User': 'test:tester', 'X-Auth-Key': 'testing' };
    const response = await fetch(`${this.url}/auth/v1.0`, { headers });
    return {
      token: response.headers.get('x-auth-token') ?? '',
      storageUrl: response.headers.get('x-storage-url') ?? '',
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#processes) {
      if (one.exitCode !== null || one.signalCode !== null) continue;
      const end = once(one, 'exit');
      one.kill();
      await end;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Whether an account, a container and an object can be made. */
  async #isReady(): Promise<boolean> {
    try {
      const made = await this.request('/ready', { method: 'PUT' });
      const written = await this.request('/ready/x', { method: 'PUT', body: 'x' });
      return made.ok && written.ok;
    } catch {
      return false;
    }
  }
}

/** In memory, where that takes the extended attributes that Swift keeps with each object: there its many syncs cost nothing. */
async function quickFolder(): Promise<string> {
  try {
    const probe = await mkdtemp('/dev/shm/cairn-swift-');
    const { status } = spawnSync(findPeer('setfattr')?.path ?? 'false', ['-n', 'user.swift', '-v', '1', probe]);
    await rm(probe, { recursive: true });
    return status === 0 ? '/dev/shm' : tmpdir();
  } catch {
    return tmpdir();
  }
}

interface Ports {
  readonly proxy: number;
  readonly memcached: number;
  readonly servers: ReadonlyMap<string, number>;
}

async function configure(folder: string, { proxy, memcached, servers }: Ports): Promise<void> {
  await mkdir(join(folder, 'devices', 'd1'), { recursive: true });
  const common = (port: number | undefined): string =>
    `[DEFAULT]\nswift_dir = ${folder}\ndevices = ${join(folder, 'devices')}\nmount_check = false\nworkers = 0\n` +
    `user = ${userInfo().username}\nbind_ip = 127.0.0.1\nbind_port = ${port}\nlog_level = ERROR\n`;
  await writeFile(
    join(folder, 'swift.conf'),
    '[swift-hash]\nswift_hash_path_prefix = a\nswift_hash_path_suffix = b\n[storage-policy:0]\nname = gold\ndefault = yes\n',
  );
  for (const kind of kinds) {
    const app = `[pipeline:main]\npipeline = ${kind}-server\n[app:${kind}-server]\nuse = egg:swift#${kind}\n`;
    await writeFile(join(folder, `${kind}.conf`), common(servers.get(kind)) + app);
  }
  await writeFile(join(folder, 'proxy.conf'), common(proxy) + proxyPipeline(memcached));
  buildRings(folder, servers);
}

function proxyPipeline(memcached: number): string {
  const filters = ['catch_errors', 'cache', 'bulk', 'tempauth', 'copy', 'container_quotas', 'slo', 'dlo'];
  const settings: Record<string, string> = {
    cache: `use = egg:swift#memcache\nmemcache_servers = 127.0.0.1:${memcached}`,
    tempauth: 'use = egg:swift#tempauth\nuser_test_tester = testing .admin\nuser_test_guest = guest',
  };
  return [
    `[pipeline:main]\npipeline = ${filters.join(' ')} proxy-server`,
    // Otherwise a server that does not listen yet is not asked again for a minute.
    '[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\nerror_suppression_limit = 1000000',
    ...filters.map((filter) => `[filter:${filter}]\n${settings[filter] ?? `use = egg:swift#${filter}`}`),
    '',
  ].join('\n');
}

/** Rings of one replica on one device, made with Swift's own code in one process: its program would be started nine times. */
function buildRings(folder: string, servers: ReadonlyMap<string, number>): void {
  const script = [
    'import sys',
    'from swift.common.ring import RingBuilder',
    'for argument in sys.argv[2:]:',
    '    kind, port = argument.split("=")',
    '    ring = RingBuilder(2, 1, 0)',
    '    ring.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": int(port), "device": "d1", "weight": 1})',
    '    ring.rebalance()',
    '    ring.get_ring().save(sys.argv[1] + "/" + kind + ".ring.gz")',
  ].join('\n');
  const rings = Array.from(servers, ([kind, port]) => `${kind}=${port}`);
  // Debian's own Python, whatever else is on the PATH: that one has Swift.
  const { status, stderr } = spawnSync('/usr/bin/python3', ['-c', script, folder, ...rings], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`cannot build the rings of Swift: ${stderr}`);
}

function start(name: PeerName, args: readonly string[]): ChildProcess {
  const program = findPeer(name);
  if (program === undefined) throw new Error(`${name} is not installed`);
  return spawn(program.path, args, { stdio: 'ignore' });
}
