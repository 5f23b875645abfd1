// Words of `cairn backup` that are names of the configuration.
import { existsSync } from 'node:fs';
import type { RunHooks } from '../app/run-sources.ts';
import type { ConfiguredSource } from '../app/configured-source.ts';
import { CairnError } from '../base/errors.ts';
import type { LoadedConfig } from '../config/loaded-config.ts';
import type { RotationConfig } from '../config/rotation-config.ts';
import { cliLogger } from './cli-extensions.ts';
import type { CliContext } from './context.ts';
import { mayBeName } from './vault-choice.ts';

/** Sources that go into one vault, one after the other. */
export interface BackupRun {
  /** `undefined` where the sources were named themselves. */
  readonly plan: string | undefined;
  /** A name of the configuration; the vault of the command line where it is absent. */
  readonly vault: string | undefined;
  readonly sources: readonly ConfiguredSource[];
  readonly tags: readonly string[];
  readonly keep: RotationConfig | undefined;
  readonly hooks: RunHooks | undefined;
}

/**
 * What the words mean where they are names of the configuration: each plan is a run, and all sources are one together.
 * `undefined` where none is a name. Throws `USAGE` where a word could be a path as well, or names and paths are mixed.
 */
export async function configuredRuns(
  cli: CliContext,
  words: readonly string[],
): Promise<readonly BackupRun[] | undefined> {
  if (!words.some(mayBeName)) return undefined;
  const loaded = await cli.config();
  if (loaded === undefined) return undefined;
  const { plans, sources } = loaded.config;
  const isName = (word: string): boolean => Object.hasOwn(plans, word) || Object.hasOwn(sources, word);
  const names = words.filter(isName);
  const [name] = names;
  if (name === undefined) return undefined;
  for (const one of names) refuseAmbiguous(one, Object.hasOwn(plans, one) ? 'plan' : 'source');
  if (names.length < words.length) {
    throw new CairnError('USAGE', `${name} is a name of the configuration, and the others are paths`, {
      hint: 'Back up paths and names of the configuration in runs of their own.',
    });
  }
  return runsOf(cli, loaded, names);
}

function refuseAmbiguous(name: string, what: string): void {
  if (!existsSync(name)) return;
  throw new CairnError('USAGE', `${name} is both a ${what} of the configuration and a file or folder here`, {
    hint: `Write ./${name} for the path; for the ${what}, run it in another folder or rename one of them.`,
  });
}

async function runsOf(cli: CliContext, loaded: LoadedConfig, names: readonly string[]): Promise<readonly BackupRun[]> {
  const { configuredSource } = await import('../app/configured-source.ts');
  const { planHooks } = await import('../app/configured-extensions.ts');
  const context = { env: cli.env, onStderr: (chunk: Uint8Array) => void process.stderr.write(chunk) };
  const source = (name: string): ConfiguredSource => configuredSource(name, loaded.source(name), context);
  const alone = names.filter((name) => !Object.hasOwn(loaded.config.plans, name));
  const planned = names.filter((name) => Object.hasOwn(loaded.config.plans, name));
  return [
    ...(alone.length === 0
      ? []
      : [
          {
            plan: undefined,
            vault: undefined,
            sources: alone.map(source),
            tags: [],
            keep: undefined,
            hooks: undefined,
          },
        ]),
    ...planned.map((name): BackupRun => {
      const plan = loaded.plan(name);
      const { vault, tags, keep } = plan;
      const hooks = planHooks(plan, loaded, { env: cli.env, logger: cliLogger(cli) });
      return { plan: name, vault, sources: plan.sources.map(source), tags, keep, hooks };
    }),
  ];
}
