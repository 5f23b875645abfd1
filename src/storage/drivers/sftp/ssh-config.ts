import { glob, readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { CairnError, messageOf, systemCode } from '../../../base/errors.ts';
import { matchesHostPatterns } from './host-pattern.ts';

// ssh_config(5): a list of keywords in blocks that `Host` or `Match` begin. The first value of a keyword
// wins, apart from IdentityFile, whose values add up.

/** Where to look and for whom. */
export interface SshConfigQuery {
  /** As the user wrote it. */
  readonly host: string;
  readonly user: string | undefined;
  readonly localUser: string;
  readonly home: string;
  /** Files to read, the most important first. */
  readonly files: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/** What ssh_config says about a host: values as they stand there, tokens such as `%h` not yet replaced. */
export interface SshHostConfig {
  /** The first value of each keyword, in lower case. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly identityFiles: readonly string[];
}

const DEEPEST_INCLUDE = 16;

/** Reads the configuration for one host. Files that are not there say nothing. */
export async function readSshConfig(query: SshConfigQuery): Promise<SshHostConfig> {
  const reader = new Reader(query);
  for (const file of query.files) await reader.read(file, 0, true);
  return { values: reader.values, identityFiles: reader.identityFiles };
}

interface Line {
  readonly keyword: string;
  readonly args: readonly string[];
  /** All behind the keyword, quotes and all: for commands. */
  readonly raw: string;
}

/** The meaningful lines of a file. */
function parseLines(text: string): Line[] {
  const lines: Line[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*([a-z0-9]+)(?:\s*=\s*|\s+)(.*?)\s*$/i.exec(line);
    if (match === null) continue;
    const [, keyword = '', raw = ''] = match;
    lines.push({ keyword: keyword.toLowerCase(), args: splitArguments(raw), raw });
  }
  return lines;
}

/** Words; double quotes keep blanks, and a word that starts with # begins a comment. */
function splitArguments(text: string): string[] {
  const words: string[] = [];
  for (const [word, quoted] of text.matchAll(/"([^"]*)"?|[^\s"]+/g)) {
    if (quoted === undefined && word.startsWith('#')) break;
    words.push(quoted ?? word);
  }
  return words;
}

class Reader {
  readonly values = new Map<string, readonly string[]>();
  readonly identityFiles: string[] = [];
  readonly #query: SshConfigQuery;

  constructor(query: SshConfigQuery) {
    this.#query = query;
  }

  /** Applies the lines of `file`; `enclosing` is whether the block that includes it applies. */
  async read(file: string, depth: number, enclosing: boolean): Promise<void> {
    if (depth > DEEPEST_INCLUDE) throw invalid(file, 'includes are nested too deeply');
    let active = enclosing;
    for (const line of parseLines(await this.#load(file))) {
      if (line.keyword === 'host') active = enclosing && matchesHostPatterns(this.#query.host, line.args);
      else if (line.keyword === 'match') active = enclosing && this.#matches(line.args);
      else if (!active) continue;
      else if (line.keyword === 'include') await this.#include(file, line.args, depth);
      else this.#take(line);
    }
  }

  async #load(file: string): Promise<string> {
    try {
      return await readFile(file, { encoding: 'utf8', signal: this.#query.signal });
    } catch (error) {
      this.#query.signal?.throwIfAborted();
      if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return '';
      throw invalid(file, messageOf(error), error);
    }
  }

  #take({ keyword, args, raw }: Line): void {
    if (keyword === 'identityfile') this.identityFiles.push(...args);
    else if (keyword === 'proxycommand') this.#takeFirst(keyword, [raw]);
    else this.#takeFirst(keyword, args);
  }

  #takeFirst(keyword: string, args: readonly string[]): void {
    if (args.length > 0 && !this.values.has(keyword)) this.values.set(keyword, args);
  }

  async #include(from: string, patterns: readonly string[], depth: number): Promise<void> {
    for (const pattern of patterns) {
      const files: string[] = [];
      for await (const file of glob(this.#includePath(from, pattern))) files.push(file);
      for (const file of files.sort()) await this.read(file, depth + 1, true);
    }
  }

  #includePath(from: string, pattern: string): string {
    const { home } = this.#query;
    if (pattern.startsWith('~/')) return join(home, pattern.slice(2));
    if (isAbsolute(pattern)) return pattern;
    return join(from.startsWith('/etc/') ? '/etc/ssh' : join(home, '.ssh'), pattern);
  }

  /** `exec` and the other criteria that need more than names never match; the guide says so. */
  #matches(criteria: readonly string[]): boolean {
    const { host, user, localUser } = this.#query;
    for (let at = 0; at < criteria.length; at++) {
      const [, not, criterion = '', inline] = /^(!?)([^=]*)(?:=(.*))?$/s.exec(criteria[at] ?? '') ?? [];
      if (criterion.toLowerCase() === 'all') continue;
      const patterns = (inline ?? criteria[++at] ?? '').split(',');
      const subject: Record<string, string | undefined> = {
        host: this.values.get('hostname')?.[0] ?? host,
        originalhost: host,
        user: user ?? this.values.get('user')?.[0] ?? localUser,
        localuser: localUser,
      };
      const value = subject[criterion.toLowerCase()];
      if (value === undefined || matchesHostPatterns(value, patterns) === (not === '!')) return false;
    }
    return true;
  }
}

function invalid(file: string, what: string, cause?: unknown): CairnError {
  return new CairnError('CONFIG_INVALID', `cannot use the SSH configuration ${file}: ${what}`, {
    hint: 'Correct the file, or make it readable for this user.',
    cause,
    facts: { path: file },
  });
}
