import type { SourceConfig } from '../config/source-config.ts';
import type { BackupOptions } from '../vault/actions/backup-action.ts';
import type { BackupSource } from '../vault/actions/backup-source.ts';

/** A source of the configuration, as `vault.backup` takes it. */
export interface ConfiguredSource {
  /** Its name in the configuration. */
  readonly name: string;
  readonly source: BackupSource;
  readonly options: Pick<BackupOptions, 'name' | 'tags'>;
}

export interface SourceContext {
  readonly env: NodeJS.ProcessEnv;
  /** Gets what programs write to standard error. */
  readonly onStderr?: ((chunk: Uint8Array) => void) | undefined;
}

/** Its backups are found by the name that it has in the configuration, unless it says another one. */
export function configuredSource(name: string, config: SourceConfig, context: SourceContext): ConfiguredSource {
  const options = { name: config.name ?? name, tags: config.tags };
  return { name, source: sourceOf(config, context), options };
}

function sourceOf(config: SourceConfig, { env, onStderr }: SourceContext): BackupSource {
  switch (config.type) {
    case 'files': {
      const { paths, gitignore, name: _, tags: __, ...rest } = config;
      return { ...rest, targets: paths, useGitignore: gitignore, env };
    }
    case 'command': {
      const [command, ...args] = config.command;
      return { type: 'command', command, args, filename: config.filename, cwd: config.cwd, env, onStderr };
    }
    case 'stdin':
      return { type: 'stream', name: config.filename, open: () => process.stdin };
    case 'plugin':
      return { type: 'registered', of: config.of, options: config.options };
    default:
      return config satisfies never;
  }
}
