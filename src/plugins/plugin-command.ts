import type { Logger } from '../base/logger.ts';
import type { Vault } from '../vault/vault.ts';

/** A command that a plugin adds to the command line. */
export interface PluginCommand {
  /** `cairn NAME`: lower-case letters, digits and hyphens. */
  readonly name: string;
  /** One line, for `cairn --help`. */
  readonly summary: string;
  readonly description?: string;
  /** In the order in which they are given: `<needed>`, `[optional]`, `[several...]`. */
  readonly arguments?: readonly { readonly name: string; readonly summary: string }[];
  /** `--max <n>` takes a value, `--all` is a switch; `-m, --max <n>` has a short form. */
  readonly options?: readonly { readonly flags: string; readonly summary: string; readonly default?: string }[];
  readonly examples?: readonly (readonly [line: string, what: string])[];
  /** A thrown error ends the program with the exit code of its code, or 38. */
  run(context: PluginCommandContext): unknown;
}

/** The outside world as the command of a plugin sees it. */
export interface PluginCommandContext {
  /** The values of `arguments`, in their order; one that takes several gives a list, one that was left out `undefined`. */
  readonly arguments: readonly (string | readonly string[] | undefined)[];
  /** By the long name in camel case: `--keep-all` is `keepAll`. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Whether the user wants JSON on stdout. */
  readonly json: boolean;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** The vault of this command line. Close it with `await using`. */
  readonly openVault: () => Promise<Vault>;
  /** To stdout. */
  readonly write: (text: string) => Promise<void>;
  /** One JSON document to stdout. */
  readonly writeJson: (value: unknown) => Promise<void>;
  /** Asks for a yes before something that cannot be undone. Throws `CONFIRMATION_NEEDED` without one. */
  readonly confirm: (question: string, consequence: string) => Promise<void>;
}
