/** What every source has. */
interface SourceNaming {
  /** The name of its backups; the name of the source by default. */
  readonly name?: string;
  readonly tags: readonly string[];
}

/** Files and directories. Paths are absolute; the lists are those of `FilesSourceOptions`. */
export interface FilesSourceConfig extends SourceNaming {
  readonly type: 'files';
  readonly paths: readonly string[];
  readonly exclude: readonly string[];
  readonly iexclude: readonly string[];
  readonly excludeFiles: readonly string[];
  readonly iexcludeFiles: readonly string[];
  readonly excludeIfPresent: readonly string[];
  readonly excludeCaches: boolean;
  readonly excludeLargerThan?: string;
  readonly ignoreFiles?: readonly string[];
  readonly gitignore: boolean;
  readonly oneFileSystem: boolean;
}

/** What a program prints. */
export interface CommandSourceConfig extends SourceNaming {
  readonly type: 'command';
  /** The program and its arguments; a line of shell is `sh -c LINE`. */
  readonly command: readonly [string, ...string[]];
  /** The name of the file in the backup. */
  readonly filename: string;
  readonly cwd?: string;
}

/** What comes on standard input. */
export interface StdinSourceConfig extends SourceNaming {
  readonly type: 'stdin';
  readonly filename: string;
}

/** What a plugin gives. */
export interface PluginSourceConfig extends SourceNaming {
  readonly type: 'plugin';
  /** The type under which the plugin registered it. */
  readonly of: string;
  readonly options: Readonly<Record<string, unknown>>;
}

export type SourceConfig = FilesSourceConfig | CommandSourceConfig | StdinSourceConfig | PluginSourceConfig;

/** The types there are, for messages. */
export const sourceTypes: readonly SourceConfig['type'][] = ['files', 'command', 'stdin', 'plugin'];
