// What a configuration says, value by value, with where each stands. Secrets are not shown.
import { shownUrl } from '../storage/shown-url.ts';
import type { Config } from './config.ts';
import { type ConfigPath, type ConfigPosition, dottedKey } from './config-issue.ts';
import type { LoadedConfig } from './loaded-config.ts';
import { isSecretReference, type SecretReference } from './secret-reference.ts';

export interface ConfigValue {
  readonly key: string;
  /** Text for people; secrets are redacted. */
  readonly value: string;
  /** `undefined`: the file does not say it, it is the default. */
  readonly position: ConfigPosition | undefined;
}

/** Fields whose key in the file differs from the field's name. */
const FILE_KEYS: Readonly<Record<string, string>> = {
  urls: 'url',
  uploadBytesPerSecond: 'limitUpload',
  downloadBytesPerSecond: 'limitDownload',
  retryLockMs: 'retryLock',
  timeoutMs: 'timeout',
  digestMs: 'digest',
  pluginsDir: 'plugins_dir',
};

/** Options of plugins have no schema, so one that is named like a secret is taken for one. */
const SECRET_OPTION = /pass(?:word|phrase|wd)?$|secret|token|credential|(?:api|access|private|encryption)[-_]?key/i;

/** In the order of the sections; with `defaults` also what the file does not say. */
export function configValues(loaded: LoadedConfig, { defaults }: { readonly defaults: boolean }): ConfigValue[] {
  const { vaults, sources, plans, notifications, hooks, plugins, pluginsDir, default: chosen } = loaded.config;
  const ordered: Partial<Config> = {
    default: chosen,
    vaults,
    sources,
    plans,
    notifications,
    hooks,
    plugins,
    ...(pluginsDir === undefined ? {} : { pluginsDir }),
  };
  const values: ConfigValue[] = [];
  walk(ordered, [], (path, value) => {
    const position = loaded.positionOf(path);
    if (position !== undefined || defaults) values.push({ key: dottedKey(path), value, position });
  });
  return values;
}

type Visit = (path: ConfigPath, value: string) => void;

function walk(value: unknown, path: ConfigPath, visit: Visit): void {
  if (isSecretReference(value)) visit(path, describeReference(value));
  else if (Array.isArray(value)) {
    if (value.some((item) => typeof item === 'object')) value.forEach((item, at) => walk(item, [...path, at], visit));
    else visit(path, value.map((item) => plain(item)).join(', '));
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      const below = [...path, FILE_KEYS[key] ?? key];
      if (path.includes('options') && SECRET_OPTION.test(key)) visit(below, '[redacted]');
      else walk(spanOf(key, inner), below, visit);
    }
  } else visit(path, plain(value));
}

/** Milliseconds as they are written in the file. */
function spanOf(key: string, value: unknown): unknown {
  return key.endsWith('Ms') && typeof value === 'number' ? `${value / 1000}s` : value;
}

function plain(value: unknown): string {
  return shownUrl(String(value));
}

/** Names of variables and files are no secrets; text around a variable and command lines may be. */
export function describeReference(reference: SecretReference): string {
  switch (reference.kind) {
    case 'text':
      return '[redacted]';
    case 'environment': {
      const names = [...reference.template.matchAll(/\$\{([A-Za-z_]\w*)/g)].map(([, name]) => `\${${name}}`);
      return names.join(' ') === reference.template ? reference.template : `[redacted] with ${names.join(', ')}`;
    }
    case 'file':
      return `the file ${reference.path}`;
    case 'command':
      return 'what its command prints';
    default:
      return reference satisfies never;
  }
}
