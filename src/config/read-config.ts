// From a file, or from an object of code, to a configuration that can be used. What it imports (YAML, the schema) takes
// a while to load: `load-config.ts` does so only where there is a file.
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { CairnArgumentError, CairnError, messageOf } from '../base/errors.ts';
import { homeFolder } from '../base/user-folder.ts';
import type { ConfigInput } from './config-input.ts';
import { type ConfigDocument, parseConfigDocument } from './config-document.ts';
import { configError, type ConfigPath, type ConfigPosition } from './config-issue.ts';
import { parseConfig, type ParsedConfig } from './config-parser.ts';
import type { FoundConfig } from './find-config.ts';
import { LoadedConfig } from './loaded-config.ts';
import { profileNames, sourcePaths, unknownProfile } from './merge-profile.ts';
import { checkPermissions } from './plain-secrets.ts';

export interface FoundConfigOptions {
  readonly profile: string | undefined;
  readonly env: NodeJS.ProcessEnv;
}

/** Loads a file that was found. */
export function readConfig({ file, by }: FoundConfig, { profile, env }: FoundConfigOptions): LoadedConfig {
  const document = parseConfigDocument(file, readText(file));
  const locate = (path: ConfigPath): ConfigPosition | undefined => nearest(document.positionOf, path, profile);
  const profiles = profileNames(document.value);
  if (profile !== undefined && !profiles.includes(profile)) {
    const message = unknownProfile(profile, profiles);
    throw configError(file, [{ path: [], message, position: document.positionOf(['profiles']) }]);
  }
  const parsed = parseDocumentValue(document, profile, env);
  const warning = checkPermissions(file, parsed.config, locate);
  return new LoadedConfig({
    config: parsed.config,
    deferred: parsed.deferred,
    name: file,
    file,
    by,
    profile,
    profiles,
    folder: dirname(file),
    env,
    warnings: warning === undefined ? [] : [warning],
    exact: (path) => first(sourcePaths(path, profile), document.positionOf),
    locate,
  });
}

/** Checks a text before it becomes the file. Throws `CONFIG_INVALID` with all that is wrong. */
export function checkConfigText(file: string, text: string, env: NodeJS.ProcessEnv): void {
  const document = parseConfigDocument(file, text);
  for (const profile of [undefined, ...profileNames(document.value)]) parseDocumentValue(document, profile, env);
}

/** A configuration given in code. Relative paths start at `cwd`. Throws `ARGUMENT_INVALID` with all that is wrong. */
export function configOfCode(
  input: ConfigInput,
  { profile, env, cwd }: FoundConfigOptions & { readonly cwd: string },
): LoadedConfig {
  const profiles = profileNames(input);
  if (profile !== undefined && !profiles.includes(profile)) {
    throw new CairnArgumentError(unknownProfile(profile, profiles));
  }
  const parsed = parseConfig(input, profile, { folder: cwd, home: homeFolder(env), env, fromCode: true });
  const name = 'config';
  if (parsed.kind === 'bad') {
    const issues = parsed.issues.map(({ path, message }) => ({ path, message, position: undefined }));
    const { message, facts } = configError(name, issues);
    throw new CairnArgumentError(message, { hint: 'Correct the configuration that the code gives.', facts });
  }
  const { config, deferred } = parsed;
  return new LoadedConfig({
    config,
    deferred,
    name,
    file: undefined,
    by: 'code',
    profile,
    profiles,
    folder: cwd,
    env,
    warnings: [],
    exact: nowhere,
    locate: nowhere,
  });
}

const nowhere = (): undefined => undefined;

function parseDocumentValue(
  { file, value, positionOf }: ConfigDocument,
  profile: string | undefined,
  env: NodeJS.ProcessEnv,
): Extract<ParsedConfig, { readonly kind: 'good' }> {
  const parsed = parseConfig(value, profile, { folder: dirname(file), home: homeFolder(env), env, fromCode: false });
  if (parsed.kind === 'good') return parsed;
  throw configError(
    file,
    parsed.issues.map(({ path, message }) => ({ path, message, position: nearest(positionOf, path, profile) })),
  );
}

function readText(file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    throw new CairnError('CONFIG_INVALID', `cannot read ${file}: ${messageOf(error)}`, {
      hint: 'Make it readable for this user; it has to be UTF-8.',
      cause: error,
      facts: { file },
    });
  }
}

type PositionOf = (path: ConfigPath) => ConfigPosition | undefined;

function first(paths: readonly ConfigPath[], positionOf: PositionOf): ConfigPosition | undefined {
  return paths.map(positionOf).find((position) => position !== undefined);
}

/** What is missing is told of at what should have it. */
function nearest(positionOf: PositionOf, path: ConfigPath, profile: string | undefined): ConfigPosition | undefined {
  for (let length = path.length; length >= 0; length--) {
    const position = first(sourcePaths(path.slice(0, length), profile), positionOf);
    if (position !== undefined) return position;
  }
  return undefined;
}
