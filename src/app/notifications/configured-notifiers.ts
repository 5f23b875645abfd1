import path from 'node:path';
import { userFolder } from '../../base/user-folder.ts';
import type { LoadedConfig } from '../../config/loaded-config.ts';
import type { NotifierConfig } from '../../config/notifier-config.ts';
import type { SecretReference } from '../../config/secret-reference.ts';
import type { MessageRules, NotifierSettings } from './notifier-settings.ts';
import { pluginChannel, type PluginNotifiers } from './plugin-channel.ts';
import type { SecretSource } from './secret-source.ts';

/**
 * The notifiers of a configuration, or those of `names`. Where no interval is configured they send one message for all that a
 * run does. Their secrets are looked up with the first message. `plugins` are the notifiers of plugins. Throws `CONFIG_INVALID`.
 */
export function configuredNotifiers(
  loaded: LoadedConfig,
  names: readonly string[] = Object.keys(loaded.config.notifications),
  plugins?: PluginNotifiers,
): readonly NotifierSettings[] {
  return names.map((name) => settingsOf(name, loaded.notifier(name), loaded, plugins));
}

function settingsOf(
  name: string,
  config: NotifierConfig,
  loaded: LoadedConfig,
  plugins: PluginNotifiers | undefined,
): NotifierSettings {
  const secret = (reference: SecretReference, ...key: readonly string[]): SecretSource => {
    return () => loaded.secret(reference, ['notifications', name, ...key]);
  };
  const optional = (reference: SecretReference | undefined, ...key: readonly string[]): SecretSource | undefined =>
    reference === undefined ? undefined : secret(reference, ...key);
  const rules: MessageRules = {
    name,
    on: config.on,
    severity: config.severity,
    digest: config.digestMs === undefined ? 'run' : { everyMs: config.digestMs },
  };
  switch (config.type) {
    case 'email': {
      const { host, port, tls, user, password } = config.smtp;
      const login = { user, password: optional(password, 'smtp', 'password') };
      return { ...rules, type: 'email', from: config.from, to: config.to, host, port, security: tls, ...login };
    }
    case 'slack':
    case 'discord':
      return { ...rules, type: config.type, webhook: secret(config.url, 'url') };
    case 'telegram':
      return { ...rules, type: 'telegram', token: secret(config.token, 'token'), chat: config.chat };
    case 'ntfy': {
      const { url, topic, token } = config;
      return { ...rules, type: 'ntfy', server: url, topic, token: optional(token, 'token') };
    }
    case 'webhook': {
      const headers = Object.entries(config.headers).map(([key, value]) => [key, secret(value, 'headers', key)]);
      const signing = optional(config.secret, 'secret');
      return {
        ...rules,
        type: 'webhook',
        url: secret(config.url, 'url'),
        secret: signing,
        headers: Object.fromEntries(headers),
      };
    }
    case 'ping':
      return { type: 'ping', name, digest: 'run', on: config.on, url: secret(config.url, 'url') };
    case 'command':
      // As with the commands of hooks and secrets: the owner of the file wrote it for a shell.
      return { ...rules, type: 'command', command: 'sh', args: ['-c', config.command], cwd: loaded.folder };
    case 'plugin':
      return pluginChannel(rules, config, plugins);
    default:
      return config satisfies never;
  }
}

/** Where what waits for a digest is kept: `cairn` in the user's state folder; `undefined` where the variables name none. */
export function defaultStateFolder(env: NodeJS.ProcessEnv): string | undefined {
  const folder = userFolder(env, 'state');
  return folder === undefined ? undefined : path.join(folder, 'cairn');
}
