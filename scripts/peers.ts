// Installs the programs that tests and benches run beside ours.
//
//   node scripts/peers.ts                 what the tests need
//   node scripts/peers.ts --bench         and what the bench compares with
//   node scripts/peers.ts --with rustic   and these by name, separated by commas
//   node scripts/peers.ts --list          only prints what is there
//
// Built programs are kept in .peers/ (or CAIRN_PEERS) and reused. Exit code 1 if one that the tests need is missing.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  builtPath,
  findPeer,
  forgetFoundPeers,
  peerNamed,
  peers,
  peersDirectory,
  type Peer,
  type PeerOrigin,
} from '../test/support/peer-catalog.ts';

/** Says why one peer cannot be had; the others are installed all the same. */
class Unavailable extends Error {}

const GO_MINUTES = 8;
const CARGO_MINUTES = 60;

const { values: options } = parseArgs({
  options: {
    list: { type: 'boolean', default: false },
    bench: { type: 'boolean', default: false },
    with: { type: 'string', default: '' },
  },
});

function chosenPeers(): Peer[] {
  const byName = options.with.split(',').filter((name) => name !== '');
  const named = new Set(byName.map((name) => peerNamed(name).name));
  return peers.filter(
    (peer) => peer.neededBy === 'tests' || (options.bench && peer.neededBy === 'bench') || named.has(peer.name),
  );
}

function printFound(list: readonly Peer[]): void {
  for (const peer of list) {
    const found = findPeer(peer.name);
    const state = found === undefined ? 'missing' : `${found.version.padEnd(10)} ${found.path}`;
    console.log(`${peer.name.padEnd(22)} ${state}${found === undefined ? ` (needed by: ${peer.neededBy})` : ''}`);
  }
}

function run(program: string, args: readonly string[], { cwd, minutes, env = {} }: RunOptions): string {
  const { status, error, signal, stdout } = spawnSync(program, args, {
    cwd,
    timeout: minutes * 60_000,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
    maxBuffer: 1 << 26,
  });
  const command = `${program} ${args.join(' ')}`;
  if (error !== undefined && 'code' in error && error.code === 'ENOENT')
    throw new Unavailable(`${program} is not here`);
  if (signal !== null) throw new Unavailable(`${command} was ended after ${minutes} minutes`);
  if (status !== 0)
    throw new Unavailable(`${command} ended with exit code ${status}${stdout === '' ? '' : `: ${stdout}`}`);
  return stdout;
}

interface RunOptions {
  readonly cwd: string;
  readonly minutes: number;
  readonly env?: Readonly<Record<string, string>>;
}

function installDebianPackages(list: readonly Peer[]): void {
  const packages = [...new Set(list.flatMap(({ origin }) => (origin.kind === 'debian' ? [origin.package] : [])))];
  if (packages.length === 0) return;
  if (process.getuid?.() !== 0) throw new Unavailable(`only root can install ${packages.join(', ')}`);
  const apt: RunOptions = { cwd: '/', minutes: 10, env: { DEBIAN_FRONTEND: 'noninteractive' } };
  run('apt-get', ['update', '-qq'], apt);
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], apt);
}

/**
 * `go install module@version` asks the proxy for a list of all versions, which not every proxy gives;
 * a module that requires exactly one version does not ask. The checksum database is asked as always.
 */
function buildWithGo(origin: PeerOrigin & { kind: 'go' }, output: string, work: string): void {
  const go: RunOptions = { cwd: work, minutes: GO_MINUTES };
  if (run('go', ['env', 'GOSUMDB'], go).trim() === 'off')
    throw new Unavailable('the Go checksum database is switched off');
  writeFileSync(
    join(work, 'go.mod'),
    `module peer.invalid/build\n\ngo 1.25\n\nrequire ${origin.module} ${origin.version}\n`,
  );
  const { Sum } = JSON.parse(run('go', ['mod', 'download', '-json', origin.module], go)) as { Sum?: string };
  if (Sum !== origin.sum) throw new Unavailable(`${origin.module} has the hash ${Sum}, expected ${origin.sum}`);
  const tags = origin.tags.length === 0 ? [] : ['-tags', origin.tags.join(',')];
  const main = origin.main === '' ? origin.module : `${origin.module}/${origin.main}`;
  run('go', ['build', '-mod=mod', '-trimpath', ...tags, '-o', output, main], go);
}

function buildWithCargo(origin: PeerOrigin & { kind: 'cargo' }, output: string, work: string): void {
  const args = ['install', origin.crate, '--version', origin.version, '--locked', '--no-default-features'];
  run('cargo', [...args, '--root', work], {
    cwd: work,
    minutes: CARGO_MINUTES,
    env: { CARGO_TARGET_DIR: join(work, 'target') },
  });
  copyFileSync(join(work, 'bin', origin.program), output);
}

/** The dependencies have to stay where they are: what is kept as the peer starts the program among them. */
function installFromNpm(origin: PeerOrigin & { kind: 'npm' }, output: string): void {
  const prefix = join(peersDirectory(), 'npm', `${origin.package}-${origin.version}`);
  mkdirSync(prefix, { recursive: true });
  const flags = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', prefix];
  run('npm', ['install', ...flags, `${origin.package}@${origin.version}`], { cwd: prefix, minutes: 5 });
  writeFileSync(output, `#!/bin/sh\nexec "${join(prefix, 'node_modules', '.bin', origin.program)}" "$@"\n`);
}

function build(peer: Peer): void {
  const target = builtPath(peer);
  const work = mkdtempSync(join(tmpdir(), `peer-${peer.name}-`));
  const output = join(work, 'program');
  const started = performance.now();
  try {
    if (peer.origin.kind === 'go') buildWithGo(peer.origin, output, work);
    if (peer.origin.kind === 'cargo') buildWithCargo(peer.origin, output, work);
    if (peer.origin.kind === 'npm') installFromNpm(peer.origin, output);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(output, `${target}.new`);
    chmodSync(`${target}.new`, 0o755);
    renameSync(`${target}.new`, target);
    console.log(`built ${peer.name} in ${((performance.now() - started) / 1000).toFixed(0)} s`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Runs one installation; a peer that cannot be had is named and does not stop the others. */
function attempt(what: string, install: () => void): void {
  try {
    install();
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    console.error(`cannot install ${what}: ${error.message}`);
  }
}

function main(): void {
  if (options.list) return printFound(peers);
  const chosen = chosenPeers();
  const missing = chosen.filter((peer) => findPeer(peer.name) === undefined);
  const packaged = missing.filter((peer) => peer.origin.kind === 'debian');
  attempt(packaged.map((peer) => peer.name).join(', '), () => installDebianPackages(packaged));
  for (const peer of missing.filter(({ origin }) => origin.kind !== 'debian')) attempt(peer.name, () => build(peer));
  forgetFoundPeers();
  printFound(chosen);
  if (chosen.some((peer) => peer.neededBy === 'tests' && findPeer(peer.name) === undefined)) process.exitCode = 1;
}

main();
