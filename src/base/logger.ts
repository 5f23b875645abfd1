/** What is known of a log line beside its text. Never a secret. */
export type LogFacts = Readonly<Record<string, unknown>>;

/**
 * Where a program wants to read what Cairn does. `console` is one, and so is every logger with these four methods that
 * takes the text first. Without one, the library says nothing.
 */
export interface Logger {
  debug(message: string, facts?: LogFacts): void;
  info(message: string, facts?: LogFacts): void;
  warn(message: string, facts?: LogFacts): void;
  error(message: string, facts?: LogFacts): void;
}

/** Says nothing. */
export const silentLogger: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
