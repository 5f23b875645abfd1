import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CairnError } from '../base/errors.ts';
import { type AzureLocation, parseAzureLocation } from './drivers/azure/azure-location.ts';
import { openLocalStorage } from './drivers/local.ts';
import { openMemoryStorage } from './drivers/memory.ts';
import { parseRcloneRemote } from './drivers/rclone/rclone-remote.ts';
import { parseRestUrl, type RestLocation } from './drivers/rest/rest-location.ts';
import { parseSftpUrl, type SftpLocation } from './drivers/sftp/sftp-location.ts';
import type { Storage } from './storage.ts';

const SUPPORTED =
  'a path, local:PATH, file:///PATH, s3://BUCKET/PREFIX, sftp://USER@HOST//PATH, rest:https://HOST/PATH/, rclone:REMOTE:PATH, azure:CONTAINER:/PREFIX, gs:BUCKET:/PREFIX, swift:CONTAINER:/PREFIX or memory:NAME';
// Known elsewhere; a clear answer is better than a folder called "s3:".
const NOT_YET = new Set(['b2']);

/** Where a storage URL points, parsed. */
export type StorageLocation =
  | { readonly kind: 'local'; readonly path: string }
  | { readonly kind: 'memory'; readonly name: string }
  /** Parsed by its driver, with the environment. */
  | { readonly kind: 's3' | 'gs' | 'swift'; readonly url: string }
  | { readonly kind: 'sftp'; readonly location: SftpLocation }
  | { readonly kind: 'rest'; readonly location: RestLocation }
  | { readonly kind: 'rclone'; readonly remote: string }
  | { readonly kind: 'azure'; readonly location: AzureLocation }
  /** A scheme that a plugin added. */
  | { readonly kind: 'registered'; readonly url: string; readonly open: OpenScheme };

/** Opens the storage at a URL of a scheme that Cairn does not know by itself. The whole URL is given. */
export type OpenScheme = (
  url: string,
  options: { readonly env: NodeJS.ProcessEnv; readonly signal?: AbortSignal | undefined },
) => Storage | Promise<Storage>;

/** By scheme, in lower case and without its colon. None of Cairn's own can be replaced. */
export type StorageSchemes = ReadonlyMap<string, OpenScheme>;

export interface OpenStorageOptions {
  /** The variables that drivers read, such as `AWS_ACCESS_KEY_ID`; those of this process by default. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly schemes?: StorageSchemes | undefined;
}

const memories = new Map<string, Storage>();

/**
 * Opens the storage at `url`: a path, `local:PATH`, `file:///PATH`, `s3://BUCKET/PREFIX` or `s3:https://HOST/BUCKET/PREFIX`,
 * `sftp://USER@HOST//PATH`, `rest:https://HOST/PATH/`, `rclone:REMOTE:PATH`, `azure:CONTAINER:/PREFIX`,
 * `gs:BUCKET:/PREFIX`, `swift:CONTAINER:/PREFIX`, or `memory:NAME`, which is one and the same storage for all of this
 * process. The driver alone: retries and limits are layers (`vault/storage-stack.ts`). Touches nothing yet, but starts
 * rclone. Throws `STORAGE_URL_INVALID`, whose text never repeats more of the URL than its scheme, since the rest may hold
 * a password.
 */
export async function openStorage(url: string, options: OpenStorageOptions = {}): Promise<Storage> {
  const location = parseStorageUrl(url, options.schemes);
  const { env = process.env, signal } = options;
  switch (location.kind) {
    case 'local':
      return openLocalStorage(location.path);
    case 'memory':
      return namedMemory(location.name);
    case 's3':
      return (await import('./drivers/s3/s3-storage.ts')).openS3Storage(location.url, { environment: env, signal });
    case 'sftp': {
      const { systemSshEnvironment } = await import('./drivers/sftp/ssh-settings.ts');
      const { openSftpStorage } = await import('./drivers/sftp/sftp-storage.ts');
      return openSftpStorage(location.location, systemSshEnvironment(env));
    }
    case 'rest':
      return (await import('./drivers/rest/rest-storage.ts')).openRestStorage(location.location, { env });
    case 'rclone':
      return (await import('./drivers/rclone/rclone-storage.ts')).openRcloneStorage(location.remote, { env, signal });
    case 'azure':
      return (await import('./drivers/azure/azure-storage.ts')).openAzureStorage(location.location, env);
    case 'gs':
      return (await import('./drivers/gs/gs-storage.ts')).openGsStorage(location.url, { environment: env, signal });
    case 'swift':
      return (await import('./drivers/swift/swift-storage.ts')).openSwiftStorage(location.url, { environment: env });
    case 'registered':
      return location.open(location.url, { env, signal });
    default:
      return location satisfies never;
  }
}

/** Parses a storage URL; paths become absolute. Throws `STORAGE_URL_INVALID`. */
export function parseStorageUrl(url: string, schemes?: StorageSchemes): StorageLocation {
  // A colon behind the first slash belongs to a path. `C:\…` is a path on Windows.
  const scheme = /^([^/\\:]*):/.exec(url)?.[1];
  if (scheme === undefined || (process.platform === 'win32' && scheme.length === 1)) return local(url);
  const rest = url.slice(scheme.length + 1);
  switch (scheme.toLowerCase()) {
    case 'local':
      return local(rest);
    case 'file':
      return local(rest.startsWith('//') ? fileUrlPath(url) : rest);
    case 'memory':
      return { kind: 'memory', name: rest };
    case 's3':
      return { kind: 's3', url };
    case 'gs':
      return { kind: 'gs', url };
    case 'swift':
      return { kind: 'swift', url };
    case 'sftp':
      return { kind: 'sftp', location: parseSftpUrl(url) };
    case 'azure':
      return { kind: 'azure', location: parseAzureLocation(rest) };
    case 'rest':
      return { kind: 'rest', location: parseRestUrl(rest) };
    case 'rclone':
      return { kind: 'rclone', remote: parseRcloneRemote(rest) };
    case 'mirror':
      throw invalid('a mirror of storages is opened as a vault, not as one storage');
    default: {
      const open = schemes?.get(scheme.toLowerCase());
      if (open === undefined) throw unknownScheme(scheme);
      return { kind: 'registered', url, open };
    }
  }
}

const ownSchemes = new Set([
  'local',
  'file',
  'memory',
  's3',
  'sftp',
  'azure',
  'gs',
  'swift',
  'rest',
  'rclone',
  'mirror',
]);

/** Whether a scheme could be registered: it is one by RFC 3986 §3.1, is no drive letter, and not one of Cairn's own. */
export function isFreeScheme(scheme: string): boolean {
  return /^[a-z][a-z0-9+.-]+$/.test(scheme) && !ownSchemes.has(scheme) && !NOT_YET.has(scheme);
}

function local(path: string): StorageLocation {
  if (path === '') throw invalid('the storage URL names no place');
  if (path.includes('\0')) throw invalid('the storage path contains a NUL character');
  return { kind: 'local', path: resolve(path) };
}

function fileUrlPath(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    // Not kept as a cause: its text repeats the URL.
    throw invalid('not a valid file: URL; it needs three slashes and no host, as in file:///srv/vault');
  }
}

function unknownScheme(scheme: string): CairnError {
  if (NOT_YET.has(scheme.toLowerCase())) return invalid(`this version cannot store to ${scheme}: yet`);
  // What stands before the colon may be `user` of `user:password@host`.
  return invalid('the storage URL has an unknown scheme');
}

function invalid(message: string): CairnError {
  return new CairnError('STORAGE_URL_INVALID', message, {
    hint: `Supported is ${SUPPORTED}. A folder with a colon in its name is written ./name:x.`,
  });
}

function namedMemory(name: string): Storage {
  const known = memories.get(name);
  if (known !== undefined) return known;
  const made = openMemoryStorage(name);
  memories.set(name, made);
  return made;
}
