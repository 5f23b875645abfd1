// Adds to package-lock.json the builds for other platforms that npm left out.
//
//   node scripts/complete-lock.ts          after every `npm install` that changed the lock file
//
// A package such as oxlint names one optional package per platform. npm writes no entry for those that the registry
// in use does not serve, and `npm ci` then refuses the lock file as incomplete, on every machine. Entries need no more
// than a version and a platform: npm fetches only what fits the machine, and fills in the rest there.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface LockEntry {
  readonly version: string;
  readonly cpu?: readonly string[];
  readonly os?: readonly string[];
  readonly libc?: readonly string[];
  readonly dev?: boolean;
  readonly license?: string;
  readonly optional?: boolean;
  readonly engines?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Lock {
  packages: Record<string, LockEntry>;
}

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const processors = ['arm', 'arm64', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64'];

interface Platform {
  readonly cpu: readonly string[];
  readonly os: readonly string[];
  readonly libc: readonly string[] | undefined;
}

function platformOf(name: string): Platform | undefined {
  const parts = name.replace(/^@[^/]+\//u, '').split('-');
  const os = parts.find((part) => systems.includes(part));
  const cpu = parts.find((part) => processors.includes(part));
  if (os === undefined || cpu === undefined) return undefined;
  const gnu = parts.some((part) => part.startsWith('gnu'));
  const musl = parts.some((part) => part.startsWith('musl'));
  return { cpu: [cpu], os: [os], libc: gnu ? ['glibc'] : musl ? ['musl'] : undefined };
}

const path = fileURLToPath(new URL('../package-lock.json', import.meta.url));
const lock = JSON.parse(readFileSync(path, 'utf8')) as Lock;
const added: string[] = [];
for (const entry of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    const platform = platformOf(name);
    // Ranges are resolved by npm alone; the builds of one release are always named exactly.
    if (key in lock.packages || platform === undefined || !/^\d/u.test(version)) continue;
    const { dev, license, engines } = entry;
    const { cpu, libc, os } = platform;
    // In npm's own order, so that it changes nothing when it writes the file again.
    lock.packages[key] = {
      version,
      cpu,
      ...(dev === true && { dev }),
      ...(libc !== undefined && { libc }),
      ...(license !== undefined && { license }),
      optional: true,
      os,
      ...(engines !== undefined && { engines }),
    };
    added.push(name);
  }
}
if (added.length > 0) {
  const sorted = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'));
  writeFileSync(path, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, undefined, 2)}\n`);
}
console.log(added.length === 0 ? 'package-lock.json is complete' : `added ${added.length}: ${added.join(', ')}`);
