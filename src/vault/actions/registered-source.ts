import type { Source } from '../../archiver/source.ts';
import type { BuiltInSource } from './backup-source.ts';

/** A source of a type that a plugin registered. */
export interface RegisteredSource {
  readonly type: 'registered';
  /** The type under which the plugin registered it. */
  readonly of: string;
  /** What its factory gets; the plugin says what that is. */
  readonly options?: unknown;
}

export interface SourceFactoryContext {
  /** The vault's own folder, if it is one: not to be backed up into itself. */
  readonly vaultPath: string | undefined;
}

/**
 * Makes a source: one of Cairn's own (paths, a stream, `{ type: 'command', … }`), or anything that implements `Source`.
 * Throws where it cannot be backed up, before anything is written.
 */
export type SourceFactory = (
  options: unknown,
  context: SourceFactoryContext,
) => BuiltInSource | Source | Promise<BuiltInSource | Source>;

export type SourceFactories = ReadonlyMap<string, SourceFactory>;
