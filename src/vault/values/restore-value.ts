// Restoring a value: one file, `<key>.json`.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { equalBytes } from '../../base/bytes.ts';
import { CairnArgumentError, CairnError } from '../../base/errors.ts';
import { readThisVersion } from '../../values/read-value.ts';
import type { StoredVersion } from '../../values/value-shelf.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { assertMayWrite, type VaultRestoreOptions, type VaultRestoreResult } from '../actions/restore-action.ts';
import { assertOutsideVault, destinationState } from '../actions/restore-destination.ts';
import { type ValueBackup, valueBackup } from './value-backup.ts';
import { isToBeWritten, valueFileName, writeValueFile } from './value-file.ts';
import { valuesContext } from './values-context.ts';

export async function restoreValue(
  { repository, settings, signal }: ActionContext,
  version: StoredVersion,
  options: VaultRestoreOptions,
): Promise<VaultRestoreResult> {
  refuseSelection(options);
  const backup = valueBackup(version);
  const destination = path.join(path.resolve(options.to), valueFileName(version.key));
  await assertOutsideVault(destination, repository.origin.features.localPath, { deletes: false });
  await assertMayWrite(backup, destination, options);
  if (options.dryRun === true) {
    const isFree = (await destinationState(destination)) === 'free';
    return result(backup, destination, isFree, version.sizeBytes);
  }
  const { identities, overwrite = 'always', verify = false } = options;
  const password = options.password ?? options.valuePassword;
  const { json } = await readThisVersion(valuesContext(repository, settings), version, {
    password,
    identities,
    signal,
  });
  const isWritten = await isToBeWritten(destination, json, { overwrite, time: backup.time });
  if (isWritten) await writeValueFile(destination, json, backup.time);
  if (isWritten && verify && !equalBytes(await readFile(destination), json)) throw differs(destination);
  return result(backup, destination, isWritten, json.length);
}

/** Options that choose among files mean nothing for a value: whoever gives one means another backup. */
function refuseSelection({ path, include, iinclude, exclude, iexclude, delete: deletes }: VaultRestoreOptions): void {
  const patterns = [include, iinclude, exclude, iexclude];
  const isPlain = path === undefined && deletes !== true && patterns.every((given) => given === undefined);
  if (isPlain) return;
  throw new CairnArgumentError('this is a value, which is one file: nothing in it can be chosen or deleted', {
    hint: 'Restore it without paths, patterns and `delete`.',
  });
}

function result(backup: ValueBackup, destination: string, isWritten: boolean, bytes: number): VaultRestoreResult {
  return {
    backup,
    destination,
    status: 'complete',
    filesRestored: isWritten ? 1 : 0,
    filesSkipped: isWritten ? 0 : 1,
    filesDeleted: 0,
    directories: 0,
    bytesRestored: isWritten ? bytes : 0,
    bytesTotal: bytes,
    problems: [],
    problemCount: 0,
  };
}

function differs(destination: string): CairnError {
  return new CairnError('RESTORE_FAILED', `${destination} is not what was written there a moment ago`, {
    facts: { target: destination },
  });
}
