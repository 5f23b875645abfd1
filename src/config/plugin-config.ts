export interface PluginConfig {
  /** An absolute path, or the name of a package. */
  readonly use: string;
  /** A plugin that cannot be loaded stops everything; by default it is only told of. */
  readonly required: boolean;
  readonly options: Readonly<Record<string, unknown>>;
}
