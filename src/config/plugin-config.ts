export interface PluginConfig {
  /** An absolute path, the name of a file in the folder of plugins, or the name of a package. */
  readonly use: string;
  /** A plugin that cannot be loaded stops everything; by default it is only told of. */
  readonly required: boolean;
  /** It is given up where it takes longer. */
  readonly timeoutMs?: number;
  readonly options: Readonly<Record<string, unknown>>;
}
