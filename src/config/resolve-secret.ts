import { readFile } from 'node:fs/promises';
import { CairnError, messageOf } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import { secretOfFile } from '../base/secret-of-file.ts';
import { secretOfCommand } from './secret-output.ts';
import type { SecretReference } from './secret-reference.ts';
import { describeMissing, expandVariables } from './variables.ts';

export interface SecretLookup {
  /** The dotted key, which every error names. */
  readonly key: string;
  /** Commands run here. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
}

/** The secret itself. Throws `CONFIG_INVALID` or `COMMAND_FAILED` with the key, never with any part of the secret. */
export async function resolveSecret(reference: SecretReference, lookup: SecretLookup): Promise<Secret> {
  const secret = await lookUp(reference, lookup);
  if (secret.isEmpty) throw invalid(lookup.key, 'is empty');
  return secret;
}

async function lookUp(reference: SecretReference, lookup: SecretLookup): Promise<Secret> {
  switch (reference.kind) {
    case 'text':
      return reference.value;
    case 'environment':
      return ofEnvironment(reference.template, lookup);
    case 'file':
      return ofFile(reference.path, lookup.key);
    case 'command':
      return ofCommand(reference.command, lookup);
    default:
      return reference satisfies never;
  }
}

function ofEnvironment(template: string, { key, env }: SecretLookup): Secret {
  const { text, missing } = expandVariables(template, env);
  if (missing.length > 0) throw invalid(key, describeMissing(missing));
  return new Secret(text);
}

async function ofFile(path: string, key: string): Promise<Secret> {
  try {
    return secretOfFile(await readFile(path));
  } catch (error) {
    throw invalid(key, `cannot read the file ${path}: ${messageOf(error)}`, error);
  }
}

async function ofCommand(command: string, { key, folder, env, signal }: SecretLookup): Promise<Secret> {
  const output = await secretOfCommand(command, { signal, cwd: folder, env });
  if (output.ok) return output.secret;
  // The command line itself is not shown: people put secrets into it.
  throw new CairnError('COMMAND_FAILED', `${key}: its command failed: ${output.reason}`, {
    hint: 'Run it in a shell; it has to print the secret on stdout and exit with 0.',
    cause: output.cause,
    facts: { key },
  });
}

function invalid(key: string, what: string, cause?: unknown): CairnError {
  return new CairnError('CONFIG_INVALID', `${key}: ${what}`, {
    hint: 'Set the variable, or correct the file or command that the configuration names for it.',
    cause,
    facts: { key },
  });
}
