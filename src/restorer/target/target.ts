import fs from 'node:fs';
import path from 'node:path';
import { CairnError, systemCode } from '../../base/errors.ts';
import { makeFoldersSync } from '../../base/make-folders.ts';
import { fatalTargetError } from './target-error.ts';

/** The directory a restore writes into. */
export interface OpenTarget {
  readonly path: string;
  /** Its descriptor; -1 in a dry run into a directory that does not exist. */
  readonly fd: number;
  /** It was made just now, so nothing in it is older than this run. */
  readonly isNew: boolean;
  readonly umask: number;
  readonly privileged: boolean;
  close(): void;
}

/**
 * Opens the target, making it where it is missing. Its own path may lead through symlinks; nothing below
 * does. Throws `TARGET_INVALID`, `TARGET_FULL` or `TARGET_INSIDE_VAULT`.
 */
export function openTarget(target: string, vaultPath: string | undefined, dryRun: boolean): OpenTarget {
  const wanted = path.resolve(target);
  if (vaultPath !== undefined) refuseInsideVault(wanted, vaultPath);
  try {
    const isNew = dryRun ? !fs.existsSync(wanted) : makeFoldersSync(wanted, 0o777) !== undefined;
    const fd = dryRun && isNew ? -1 : fs.openSync(wanted, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    return {
      path: wanted,
      fd,
      isNew,
      umask: currentUmask(),
      privileged: process.geteuid?.() === 0,
      close: () => {
        if (fd >= 0) fs.closeSync(fd);
      },
    };
  } catch (error) {
    throw fatalTargetError(error) ?? invalidTarget(wanted, error);
  }
}

function invalidTarget(target: string, cause: unknown): CairnError {
  const notDirectory = systemCode(cause) === 'ENOTDIR' || systemCode(cause) === 'EEXIST';
  const why = notDirectory ? 'is not a directory' : `cannot be used: ${systemCode(cause) ?? String(cause)}`;
  return new CairnError('TARGET_INVALID', `${target} ${why}`, { cause, facts: { target } });
}

/** Restoring over the vault would destroy what is being read. */
function refuseInsideVault(target: string, vaultPath: string): void {
  const inside = path.relative(realPath(path.resolve(vaultPath)), realPath(target));
  if (inside === '..' || inside.startsWith(`..${path.sep}`) || path.isAbsolute(inside)) return;
  throw new CairnError('TARGET_INSIDE_VAULT', `${target} lies inside the vault ${vaultPath}`, {
    hint: 'choose a directory outside the vault',
    facts: { target, vault: vaultPath },
  });
}

/** The path without symlinks, also of what does not exist yet. */
function realPath(wanted: string): string {
  const parent = path.dirname(wanted);
  try {
    return fs.realpathSync(wanted);
  } catch {
    return parent === wanted ? wanted : path.join(realPath(parent), path.basename(wanted));
  }
}

/** The process's umask, read without setting it, as setting it would race with other threads. */
function currentUmask(): number {
  try {
    const match = /^Umask:\s*([0-7]+)$/m.exec(fs.readFileSync('/proc/self/status', 'latin1'));
    if (match?.[1] !== undefined) return Number.parseInt(match[1], 8);
  } catch {
    // Not Linux.
  }
  return process.umask();
}
