import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CairnError, messageOf, systemCode } from '../../../base/errors.ts';
import { homeFolder } from '../../../base/user-folder.ts';
import type { Environment } from '../url-parameters.ts';

/** Settings of one profile of the AWS command line, from both of its files; `credentials` goes first. */
export type AwsProfile = ReadonlyMap<string, string>;

/**
 * The profile of that name, from `~/.aws/credentials` and `~/.aws/config` (or the files that
 * `AWS_SHARED_CREDENTIALS_FILE` and `AWS_CONFIG_FILE` name); undefined where neither has it.
 */
export async function readAwsProfile(
  name: string,
  environment: Environment,
  signal: AbortSignal | undefined,
): Promise<AwsProfile | undefined> {
  const home = homeFolder(environment);
  const own = (file: string): string | undefined => (home === undefined ? undefined : join(home, '.aws', file));
  const credentials = await readSections(environment['AWS_SHARED_CREDENTIALS_FILE'] ?? own('credentials'), signal);
  const config = await readSections(environment['AWS_CONFIG_FILE'] ?? own('config'), signal);
  // In `config` all but the default profile are sections named `profile NAME`.
  const configured = config.get(`profile ${name}`) ?? (name === 'default' ? config.get('default') : undefined);
  const secret = credentials.get(name);
  if (configured === undefined && secret === undefined) return undefined;
  const profile = new Map([...(configured ?? []), ...(secret ?? [])]);
  const services = profile.get('services');
  // What a profile says itself goes before.
  return new Map([...(services === undefined ? [] : (config.get(`services ${services}`) ?? [])), ...profile]);
}

/** The server that a profile names for S3, as the AWS command line reads it; `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` turns it off. */
export function endpointOfProfile(profile: AwsProfile | undefined, environment: Environment): string | undefined {
  if (environment['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS']?.toLowerCase() === 'true') return undefined;
  return profile?.get('s3.endpoint_url') ?? profile?.get('endpoint_url');
}

async function readSections(path: string | undefined, signal: AbortSignal | undefined): Promise<Sections> {
  if (path === undefined) return new Map();
  try {
    return parseSections(await readFile(path, { encoding: 'utf8', signal }));
  } catch (error) {
    signal?.throwIfAborted();
    if (systemCode(error) === 'ENOENT') return new Map();
    throw new CairnError('CONFIG_INVALID', `cannot read ${path}: ${messageOf(error)}`, {
      cause: error,
      facts: { path },
    });
  }
}

type Sections = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** Sections `[name]` of lines `key = value`; keys in lower case. Indented lines belong to the setting above, and are called `above.key`. */
export function parseSections(text: string): Sections {
  const sections = new Map<string, Map<string, string>>();
  let current: Map<string, string> | undefined;
  let above = '';
  for (const line of text.split(/\r?\n/u)) {
    if (/^\s*(?:[#;]|$)/u.test(line)) continue;
    const header = /^\[\s*(?<name>[^\]]*?)\s*\]/u.exec(line)?.groups?.['name'];
    if (header !== undefined) {
      const name = header.replaceAll(/\s+/gu, ' ').replaceAll('"', '');
      current = sections.get(name) ?? new Map<string, string>();
      sections.set(name, current);
      continue;
    }
    const at = line.indexOf('=');
    if (at <= 0) continue;
    const own = line.slice(0, at).trim().toLowerCase();
    const isIndented = /^\s/u.test(line);
    if (!isIndented) above = own;
    // A comment may follow behind white space.
    const value = line.slice(at + 1).replace(/\s[#;].*$/u, '');
    current?.set(isIndented ? `${above}.${own}` : own, value.trim());
  }
  return sections;
}
